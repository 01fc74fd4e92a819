/** Asking each server for what is its own, all at once, and noting who did not answer. */
import { Effect } from "effect"
import { domainOf } from "../../core/identifiers.ts"
import type { JsonObject } from "../../core/json/value.ts"
import { FederationUnreachable } from "../client.ts"
import type { MatrixError } from "../matrix-error.ts"

/** How many servers are asked at a time. */
const concurrency = 16
/** How long a client waits for other servers (client-server API §Key management API: the default of `timeout`); at most. */
const waitMsDefault = 10_000
const waitMsMax = 60_000

/** `failures` of the client-server API's answer: by server. */
export type Failures = Record<string, JsonObject>

/** What is asked of each server, from what is asked of each user; of what is no user id nothing is asked. */
export const byServer = <A>(
  asked: Readonly<Record<string, A>>,
): ReadonlyMap<string, Readonly<Record<string, A>>> => {
  const servers = new Map<string, Record<string, A>>()
  for (const [userId, wanted] of Object.entries(asked)) {
    const server = domainOf(userId)
    if (server !== undefined) servers.set(server, { ...servers.get(server), [userId]: wanted })
  }
  return servers
}

/** Asks all `servers`; those that fail, or take longer than `timeoutMs`, are told in what it gives. */
export const askAll = Effect.fnUntraced(function* <A>(
  servers: Iterable<readonly [server: string, asked: A]>,
  ask: (server: string, asked: A) => Effect.Effect<void, MatrixError | FederationUnreachable>,
  timeoutMs = waitMsDefault,
) {
  const duration = Math.max(0, Math.min(timeoutMs, waitMsMax))
  const failures: Failures = {}
  yield* Effect.forEach(
    servers,
    ([server, asked]) =>
      ask(server, asked).pipe(
        Effect.timeoutOrElse({
          duration,
          orElse: () => Effect.fail(new FederationUnreachable({ destination: server, reason: "timed-out" })),
        }),
        Effect.catch((error) =>
          Effect.sync(() => {
            failures[server] =
              error._tag === "MatrixError" ? error.body : { errcode: "M_UNKNOWN", error: error.message }
          }),
        ),
      ),
    { concurrency, discard: true },
  )
  return failures
})
