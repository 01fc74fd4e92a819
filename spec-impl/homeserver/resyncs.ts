/**
 * What a server fetches after it came into a room: the memberships that were left out of the state it was told
 * (MSC3706, MSC3902), and history that it missed.
 */
import { Context, Effect, Layer, Semaphore } from "effect"
import { compareCodePoints } from "../core/json/encode.ts"
import { decideAnew } from "../core/room-dag/decide-anew.ts"
import type { FederationClient } from "../federation/client.ts"
import { backfillBefore } from "./backfill.ts"
import { badAnswer } from "./failures.ts"
import { ServerIdentity } from "./identity.ts"
import type { KeyRing } from "./key-ring.ts"
import { askState } from "./missing-events.ts"
import { Outside } from "./outside.ts"
import type { PartialState } from "./partial-states.ts"
import { joinedServersIn } from "./room-members.ts"
import { type Room, Rooms } from "./rooms.ts"
import { Settings } from "./settings.ts"
import type { Signatures } from "./signatures/signatures.ts"

/** A room whose memberships no server has told yet. */
export interface WaitingResync {
  readonly roomId: string
  readonly servers: readonly string[]
}

export class Resyncs extends Context.Service<
  Resyncs,
  {
    /** Begins to fetch what is left out of a room in partial state; of any other there is nothing to do. */
    readonly makeWhole: (room: Room) => Effect.Effect<void>
    /** Begins to fetch the history before the events `from`. */
    readonly backfill: (room: Room, server: string, from: readonly string[]) => Effect.Effect<void>
    /** How many requests of these are under way: for observers. */
    readonly busy: () => number
    /** Rooms for which all servers were asked in vain and will be again: for observers. */
    readonly waiting: () => readonly WaitingResync[]
  }
>()("netsplit/Resyncs") {
  /** Goes on where an earlier boot left off. */
  static readonly layer = Layer.effect(
    Resyncs,
    Effect.gen(function* () {
      const rooms = yield* Rooms
      const settings = yield* Settings
      const scope = yield* Effect.scope
      const services = yield* Effect.context<
        FederationClient | KeyRing | Outside | Rooms | ServerIdentity | Settings | Signatures
      >()
      const waiting = new Map<Room, WaitingResync>()
      let busy = 0

      const counted = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
        Effect.suspend(() => {
          busy += 1
          return Effect.ensuring(
            effect,
            Effect.sync(() => {
              busy -= 1
            }),
          )
        })

      const later = (
        effect: Effect.Effect<
          unknown,
          unknown,
          FederationClient | KeyRing | Outside | Rooms | ServerIdentity | Settings | Signatures
        >,
      ): Effect.Effect<void> =>
        effect.pipe(Effect.ignore, Effect.provide(services), Effect.forkIn(scope), Effect.asVoid)

      const resync = Effect.fnUntraced(function* (room: Room, partial: PartialState) {
        const servers = inOrder(partial)
        for (let failures = 0; ; failures++) {
          const outcome = yield* counted(askEach(room, partial, servers))
          if (outcome !== "failed" || rooms.find(room.roomId) !== room) break
          waiting.set(room, { roomId: room.roomId, servers })
          yield* Effect.sleep(Math.min(settings.retryMsMin * 2 ** failures, settings.retryMsMax))
          waiting.delete(room)
        }
        partial.whole.openUnsafe()
      })

      const makeWhole = (room: Room): Effect.Effect<void> =>
        room.partial === undefined ? Effect.void : later(resync(room, room.partial))

      for (const room of rooms.all()) yield* makeWhole(room)

      return Resyncs.of({
        makeWhole,
        backfill: (room, server, from) =>
          from.length === 0 ? Effect.void : later(counted(backfillBefore(room, server, from))),
        busy: () => busy,
        waiting: () => [...waiting.values()],
      })
    }),
  )
}

/** First the server that told part of it. */
const inOrder = ({ via, servers }: PartialState): readonly string[] => [
  via,
  ...servers.filter((server) => server !== via).sort(compareCodePoints),
]

/**
 * Asks one server after the other, until one tells a state of use. It ends as well where this server is not in the
 * room any more, and others say so: they would never tell.
 */
const askEach = Effect.fnUntraced(function* (room: Room, partial: PartialState, servers: readonly string[]) {
  const { serverName } = yield* ServerIdentity
  let isRefused = false
  for (const server of servers) {
    const result = yield* Effect.result(takeOmitted(room, partial, server))
    if (result._tag === "Success") return "whole"
    const { failure } = result
    isRefused ||= failure._tag === "MatrixError" && failure.status === 403
  }
  const isIn = joinedServersIn(room.dag, room.dag.currentState()).has(serverName)
  return isRefused && !isIn ? "given-up" : "failed"
})

/** Takes from `server` what was left out, and decides all that came meanwhile anew: one group. */
const takeOmitted = Effect.fnUntraced(function* (room: Room, partial: PartialState, server: string) {
  const { joinId } = partial
  const told = yield* askState(room, server, joinId)
  if (!told.stateIds.includes(room.dag.create()?.eventId ?? "")) {
    return yield* badAnswer(`${server} told a state without the room's create event`)
  }
  const replace = Effect.gen(function* () {
    const rooms = yield* Rooms
    const decided = decideAnew(room.dag, partial.journal, joinId, { ...told, by: server })
    if ("objection" in decided) {
      return yield* badAnswer(`${server} told a state that does not allow the join`)
    }
    const outside = yield* Outside
    const { serverName } = yield* ServerIdentity
    const writes = outside.writesForWhole(room, decided.dag, serverName)
    yield* rooms
      .makeWhole(room, decided.dag, decided.records, {
        outside: writes,
        records: outside.recordsFor(writes),
      })
      .pipe(Effect.andThen(Effect.sync(() => outside.note(writes))), Effect.uninterruptible)
  })
  yield* replace.pipe(Semaphore.withPermits(room.writing, 1), Semaphore.withPermits(room.receiving, 1))
  yield* fillGapsOf(room, partial)
})

/** History that was missing behind claims while the state was partial: it is taken in now. */
const fillGapsOf = Effect.fnUntraced(function* (room: Room, { joinId, journal }: PartialState) {
  for (const [eventId] of journal) {
    const record = room.dag.timeline(eventId)
    if (eventId === joinId || record?.stateSource.kind !== "claimed") continue
    yield* Effect.ignore(backfillBefore(room, record.stateSource.by, [eventId]))
  }
})
