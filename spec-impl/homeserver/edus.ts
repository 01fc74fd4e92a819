/** What other servers tell in passing (server-server API §EDUs): who takes which kind of it. */
import { Context, Effect, Layer } from "effect"
import { isJsonObject, type JsonObject } from "../core/json/value.ts"
import type { StoreFailure } from "../store/event-store.ts"

/**
 * Takes one EDU that `origin` sent. What is wrong with it is nobody's business but the receiver's: it is ignored.
 * Where the store fails to keep what must not be lost, the whole transaction fails, and comes again.
 */
export type EduHandler = (origin: string, content: JsonObject) => Effect.Effect<void, StoreFailure>

export class Edus extends Context.Service<
  Edus,
  {
    /** Each chapter names its handlers once, as its service is made. */
    readonly handle: (eduType: string, handler: EduHandler) => void
    /** Hands an EDU to who takes its kind; an unknown kind is ignored. */
    readonly receive: (origin: string, edu: JsonObject) => Effect.Effect<void, StoreFailure>
  }
>()("netsplit/Edus") {
  static readonly layer = Layer.sync(Edus, () => {
    const handlers = new Map<string, EduHandler>()
    return Edus.of({
      handle: (eduType, handler) => void handlers.set(eduType, handler),
      receive: (origin, { edu_type: eduType, content }) => {
        const handler = typeof eduType === "string" ? handlers.get(eduType) : undefined
        return handler === undefined || !isJsonObject(content) ? Effect.void : handler(origin, content)
      },
    })
  })
}
