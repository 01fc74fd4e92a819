/** Users of this server who stand outside a room that it is not in: invited, or knocking. */
import { Context, Effect, Layer } from "effect"
import { EventStore, type OutsideStanding, type StoreFailure } from "../store/event-store.ts"

export class Outside extends Context.Service<
  Outside,
  {
    readonly standingOf: (userId: string, roomId: string) => OutsideStanding | undefined
    /** Durable when it is done. */
    readonly stand: (
      userId: string,
      roomId: string,
      standing: OutsideStanding,
    ) => Effect.Effect<void, StoreFailure>
    /** The user went in, or turned away. */
    readonly end: (userId: string, roomId: string) => Effect.Effect<void, StoreFailure>
  }
>()("netsplit/Outside") {
  /** Takes up what the store keeps. */
  static readonly layer = Layer.effect(
    Outside,
    Effect.gen(function* () {
      const store = yield* EventStore
      const standings = new Map<string, OutsideStanding>()
      const keyOf = (userId: string, roomId: string): string => JSON.stringify([userId, roomId])
      for (const { userId, roomId, standing } of yield* store.outside) {
        if (standing !== null) standings.set(keyOf(userId, roomId), standing)
      }
      return Outside.of({
        standingOf: (userId, roomId) => standings.get(keyOf(userId, roomId)),
        stand: Effect.fnUntraced(function* (userId, roomId, standing) {
          yield* store.commit({ outside: [{ userId, roomId, standing }] })
          standings.set(keyOf(userId, roomId), standing)
        }),
        end: Effect.fnUntraced(function* (userId, roomId) {
          if (!standings.has(keyOf(userId, roomId))) return
          yield* store.commit({ outside: [{ userId, roomId, standing: null }] })
          standings.delete(keyOf(userId, roomId))
        }),
      })
    }),
  )
}
