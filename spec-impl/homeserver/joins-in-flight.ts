/** One join at a time for each room: whose handshake it is decides what this server holds of the room. */
import { Context, Effect, Layer, Semaphore } from "effect"

interface InFlight {
  readonly turn: Semaphore.Semaphore
  users: number
}

export class JoinsInFlight extends Context.Service<
  JoinsInFlight,
  {
    /** Runs `join` once all earlier joins of this server to the room are over. */
    readonly inTurn: <A, E, R>(roomId: string, join: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
    /**
     * Waits until no join to the room is under way, as of this call: residents send a room's events as soon as they have accepted a
     * join, before the joining server has their answer and so the room.
     */
    readonly settled: (roomId: string) => Effect.Effect<void>
  }
>()("netsplit/JoinsInFlight") {
  static readonly layer = Layer.sync(JoinsInFlight, () => {
    const rooms = new Map<string, InFlight>()
    const take = (roomId: string): InFlight => {
      const inFlight = rooms.get(roomId) ?? { turn: Semaphore.makeUnsafe(1), users: 0 }
      rooms.set(roomId, inFlight)
      inFlight.users += 1
      return inFlight
    }
    const inTurn = <A, E, R>(roomId: string, join: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Effect.suspend(() => {
        const inFlight = take(roomId)
        const give = Effect.sync(() => {
          inFlight.users -= 1
          if (inFlight.users === 0) rooms.delete(roomId)
        })
        return Effect.ensuring(Semaphore.withPermits(inFlight.turn, 1)(join), give)
      })
    return JoinsInFlight.of({
      inTurn,
      settled: (roomId) => (rooms.has(roomId) ? inTurn(roomId, Effect.void) : Effect.void),
    })
  })
}
