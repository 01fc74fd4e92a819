/** Client-server API §User-Interactive Authentication API, with flows of one stage each. */
import { Clock, Context, Effect, Layer } from "effect"
import { HttpServerResponse } from "effect/http"
import { encodeBase64Url } from "../../core/base64.ts"
import { canonicalJsonBytes } from "../../core/json/encode.ts"
import type { JsonObject } from "../../core/json/value.ts"
import type { MatrixError } from "../../federation/matrix-error.ts"
import { Chance } from "../../homeserver/chance.ts"

/** So many sessions are remembered; who began one before begins anew. */
const sessionsMax = 1_000

/** By its type, each stage that is enough by itself, and whether the client's `auth` completes it. */
export type Stages = Readonly<Record<string, (auth: JsonObject) => Effect.Effect<boolean, MatrixError>>>

export class InteractiveAuth extends Context.Service<
  InteractiveAuth,
  {
    /**
     * Acts once the client has authenticated itself by one of `stages`; else gives the answer that tells it how: 401
     * with the flows and a session, and with M_FORBIDDEN where what it said was wrong.
     */
    readonly guard: <A, E, R>(
      auth: JsonObject | undefined,
      stages: Stages,
      action: Effect.Effect<A, E, R>,
    ) => Effect.Effect<A | HttpServerResponse.HttpServerResponse, E | MatrixError, R>
  }
>()("netsplit/client-api/InteractiveAuth") {
  static readonly layer = Layer.effect(
    InteractiveAuth,
    Effect.gen(function* () {
      const chance = yield* Chance
      const sessions = new Set<string>()
      let serial = 0

      const begin = Effect.fnUntraced(function* () {
        serial += 1
        const label = [String(yield* Clock.currentTimeMillis), String(serial)]
        const session = encodeBase64Url(chance.bytes(18, "interactive-auth", ...label))
        sessions.add(session)
        const [oldest] = sessions
        if (sessions.size > sessionsMax && oldest !== undefined) sessions.delete(oldest)
        return session
      })

      const challenge = Effect.fnUntraced(function* (
        auth: JsonObject | undefined,
        stages: Stages,
        problem: JsonObject,
      ) {
        const known = typeof auth?.session === "string" && sessions.has(auth.session)
        const session = known ? (auth.session as string) : yield* begin()
        const flows = Object.keys(stages).map((stage) => ({ stages: [stage] }))
        return HttpServerResponse.uint8Array(
          canonicalJsonBytes({ ...problem, flows, params: {}, completed: [], session }),
          { status: 401, contentType: "application/json" },
        )
      })

      return InteractiveAuth.of({
        guard: Effect.fnUntraced(function* (auth, stages, action) {
          const { type, session } = auth ?? {}
          const isStale = session !== undefined && !(typeof session === "string" && sessions.has(session))
          const complete = typeof type === "string" && Object.hasOwn(stages, type) ? stages[type] : undefined
          if (auth === undefined || complete === undefined || isStale)
            return yield* challenge(auth, stages, {})
          if (!(yield* complete(auth))) {
            return yield* challenge(auth, stages, {
              errcode: "M_FORBIDDEN",
              error: "the authentication data was wrong",
            })
          }
          const given = yield* action
          sessions.delete(session as string)
          return given
        }),
      })
    }),
  )
}
