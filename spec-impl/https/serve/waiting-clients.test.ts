/** A server that stops answers the clients that wait for news. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { expect, it } from "vitest"
import { serveHomeserver } from "./serve-homeserver.ts"

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "netsplit-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true })),
)
const loopback = { host: "127.0.0.1", port: 0 }

const ask = (url: string, accessToken?: string, body?: unknown) =>
  Effect.promise(async () => {
    const answer = await fetch(url, {
      ...(accessToken === undefined ? {} : { headers: { authorization: `Bearer ${accessToken}` } }),
      ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
    })
    return { status: answer.status, body: (await answer.json()) as Readonly<Record<string, string>> }
  })

it("a client that waits is answered as the server begins to stop, and comes back with what it was given", () =>
  Effect.gen(function* () {
    const dataDirectory = yield* directory
    const serve = serveHomeserver({
      serverName: "waits.test",
      dataDirectory,
      federation: loopback,
      tls: undefined,
      client: loopback,
      metrics: undefined,
      authorities: [],
      allowedNetworks: [],
      signatures: "node",
      settings: { enableRegistration: true },
    })
    const { since, accessToken } = yield* Effect.scoped(
      Effect.gen(function* () {
        const { client, drain } = yield* serve
        const api = `http://${client}/_matrix/client/v3`
        const registration = { auth: { type: "m.login.dummy" }, username: "carol" }
        const { access_token: accessToken } = (yield* ask(`${api}/register`, undefined, registration)).body
        const { next_batch: first } = (yield* ask(`${api}/sync`, accessToken)).body
        const waiting = ask(`${api}/sync?timeout=60000&since=${first}`, accessToken)
        const [answer] = yield* Effect.all([waiting, Effect.delay(drain, 300)], { concurrency: 2 })
        expect(answer.status).toBe(200)
        return { since: answer.body.next_batch, accessToken }
      }),
    )
    yield* Effect.scoped(
      Effect.gen(function* () {
        const { client } = yield* serve
        const next = yield* ask(`http://${client}/_matrix/client/v3/sync?since=${since}`, accessToken)
        expect(next.status).toBe(200)
        expect(next.body).not.toHaveProperty("rooms")
      }),
    )
  }).pipe(Effect.scoped, Effect.runPromise))
