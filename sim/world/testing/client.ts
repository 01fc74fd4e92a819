/** For tests: a client of a homeserver, which speaks to it as over HTTP, and is on no network. */
import { Effect } from "effect"
import { canonicalJsonBytes } from "#spec-impl/core/json/encode.ts"
import { isJsonObject, type JsonObject, type JsonValue } from "#spec-impl/core/json/value.ts"
import { readJson } from "#spec-impl/federation/json-body.ts"
import type { Played } from "./play.ts"

/** What a client sends. */
export interface ClientRequest {
  readonly body?: JsonValue
  /** In the place of `body`, where that is to be no canonical JSON. */
  readonly bytes?: Uint8Array
  readonly accessToken?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
}

/** What it gets. */
export interface ClientAnswer {
  readonly status: number
  /** Empty where what was answered is no JSON object. */
  readonly body: JsonObject
  readonly bytes: Uint8Array
  readonly headers: Readonly<Record<string, string>>
}

/** Sends one request to the boot of the server that is up at the time. */
export const askAsClient = Effect.fnUntraced(function* (
  { servers }: Pick<Played, "servers">,
  server: string,
  method: string,
  target: string,
  { body, bytes, accessToken, headers = {} }: ClientRequest = {},
) {
  const { clientApi } = servers.get(server)!
  const answer = yield* (yield* clientApi)({
    source: "client",
    destination: server,
    method,
    target,
    headers: {
      "content-type": "application/json",
      ...(accessToken === undefined ? {} : { authorization: `Bearer ${accessToken}` }),
      ...headers,
    },
    body: bytes ?? (body === undefined ? new Uint8Array(0) : canonicalJsonBytes(body)),
  })
  const value = readJson(answer.body)
  return {
    status: answer.status,
    body: isJsonObject(value) ? value : {},
    bytes: answer.body,
    headers: answer.headers,
  } satisfies ClientAnswer
})

/** A device of a user that is logged in, by whatever boot of its server is up. */
export interface Client {
  readonly userId: string
  readonly deviceId: string
  readonly accessToken: string
  /** `path` is what comes after `/_matrix/client/v3`. */
  readonly get: (path: string) => Effect.Effect<ClientAnswer>
  readonly put: (path: string, body?: JsonValue) => Effect.Effect<ClientAnswer>
  readonly post: (path: string, body?: JsonValue) => Effect.Effect<ClientAnswer>
  readonly delete: (path: string, body?: JsonValue) => Effect.Effect<ClientAnswer>
}

/** The device that an answer of `/login` or `/register` stands for. */
export const clientOf = (played: Pick<Played, "servers">, server: string, { body }: ClientAnswer): Client => {
  const accessToken = String(body.access_token)
  const ask = (method: string) => (path: string, content?: JsonValue) =>
    askAsClient(played, server, method, `/_matrix/client/v3${path}`, {
      accessToken,
      ...(content === undefined ? {} : { body: content }),
    })
  return {
    userId: String(body.user_id),
    deviceId: String(body.device_id),
    accessToken,
    get: ask("GET"),
    put: ask("PUT"),
    post: ask("POST"),
    delete: ask("DELETE"),
  }
}

/** Registers a user, without a password unless one is given, and logs it in; the server must allow registration. */
export const registerClient = Effect.fnUntraced(function* (
  played: Pick<Played, "servers">,
  server: string,
  username: string,
  password?: string,
) {
  const answer = yield* askAsClient(played, server, "POST", "/_matrix/client/v3/register", {
    body: { auth: { type: "m.login.dummy" }, username, ...(password === undefined ? {} : { password }) },
  })
  if (answer.status !== 200) return yield* Effect.die(new Error(JSON.stringify(answer.body)))
  return clientOf(played, server, answer)
})
