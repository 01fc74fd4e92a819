/**
 * What a server fetches after it came into a room: the memberships that were left out of the state it was told
 * (MSC3706, MSC3902), and history that it missed.
 */
import { Context, Effect, Layer } from "effect"
import { domainOf } from "../core/identifiers.ts"
import { compareCodePoints } from "../core/json/encode.ts"
import { decideAnew } from "../core/room-dag/decide-anew.ts"
import type { TimelineRecord } from "../core/room-dag/event-record.ts"
import type { StateMap } from "../core/state-resolution/state-map.ts"
import type { FederationClient } from "../federation/client.ts"
import { backfillBefore } from "./backfill.ts"
import { badAnswer, isNoAnswer } from "./failures.ts"
import { ServerIdentity } from "./identity.ts"
import type { KeyRing } from "./key-ring.ts"
import { Lock } from "./lock.ts"
import { askState } from "./missing-events.ts"
import { Outside } from "./outside.ts"
import type { PartialState } from "./partial-states.ts"
import { joinedServersIn } from "./room-members.ts"
import { type Room, Rooms } from "./rooms.ts"
import { Settings } from "./settings.ts"
import type { Signatures } from "./signatures/signatures.ts"

/** What no server has told yet of a room: memberships, or history behind a gap. */
export interface WaitingResync {
  readonly roomId: string
  readonly what: "whole state" | "history"
  readonly servers: readonly string[]
}

export class Resyncs extends Context.Service<
  Resyncs,
  {
    /** Begins to fetch what is left out of a room in partial state; of any other there is nothing to do. */
    readonly makeWhole: (room: Room) => Effect.Effect<void>
    /**
     * Begins to fetch the history before the events `from`: of `server`, then of those who made these events, which build
     * on it, and of all others who are in the room or were by then; and again, later and later, as long as some of it is
     * missing. Nobody must have it (§Backfilling and retrieving missing events), so that it is given up in the end, once
     * those who can be asked have said for long that they have none. Once some other gap of the room is filled, or there is
     * one more, it is asked for anew: whoever filled that may be back after a long time, and what came may be what was
     * missing here.
     */
    readonly backfill: (room: Room, server: string, from: readonly string[]) => Effect.Effect<void>
    /** How many requests of these are under way: for observers. */
    readonly busy: () => number
    /** For what all servers were asked in vain and will be again: for observers. */
    readonly waiting: () => readonly WaitingResync[]
  }
>()("netsplit/Resyncs") {
  /** Goes on where an earlier boot left off. */
  static readonly layer = Layer.effect(
    Resyncs,
    Effect.gen(function* () {
      const rooms = yield* Rooms
      const settings = yield* Settings
      const { serverName } = yield* ServerIdentity
      const scope = yield* Effect.scope
      const services = yield* Effect.context<
        FederationClient | KeyRing | Outside | Rooms | ServerIdentity | Settings | Signatures
      >()
      const waiting = new Set<WaitingResync>()
      /** By room, the events before which history is asked for. */
      const asking = new WeakMap<Room, Set<string>>()
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

      /** Before all are asked once more; gives for how long. */
      const wait = (waitingFor: WaitingResync, failures: number): Effect.Effect<number> => {
        waiting.add(waitingFor)
        const waitMs = Math.min(settings.retryMsMin * 2 ** failures, settings.retryMsMax)
        return Effect.ensuring(
          Effect.as(Effect.sleep(waitMs), waitMs),
          Effect.sync(() => waiting.delete(waitingFor)),
        )
      }

      const resync = Effect.fnUntraced(function* (room: Room, partial: PartialState) {
        const servers = inOrder(partial)
        for (let failures = 0; ; failures++) {
          const outcome = yield* counted(askEach(room, partial, servers))
          if (outcome !== "failed" || rooms.find(room.roomId) !== room) break
          yield* wait({ roomId: room.roomId, what: "whole state", servers }, failures)
        }
        partial.whole.openUnsafe()
        // What was missing behind claims while the state was partial can be taken in now.
        yield* fillGaps(room)
      })

      /** Begins to ask for what is missing behind claims, where it is not asked for already. */
      const fillGaps = (room: Room): Effect.Effect<void> =>
        Effect.forEach(
          gapsIn(room, serverName),
          ([server, from]) => {
            const left = from.filter((eventId) => asking.get(room)?.has(eventId) !== true)
            return left.length > 0 ? backfill(room, server, left) : Effect.void
          },
          { discard: true },
        )

      const backfill = (room: Room, server: string, from: readonly string[]): Effect.Effect<void> =>
        Effect.suspend(() => {
          const ids = asking.get(room) ?? new Set()
          asking.set(room, ids)
          for (const eventId of from) ids.add(eventId)
          const end = Effect.sync(() => {
            for (const eventId of from) ids.delete(eventId)
          })
          return later(Effect.ensuring(askForHistory(room, server, from), end))
        })

      const askForHistory = Effect.fnUntraced(function* (
        room: Room,
        server: string,
        from: readonly string[],
      ) {
        let [vainMs, allMs] = [0, 0]
        for (let failures = 0; vainMs < vainMsMax; failures++) {
          const { asked, silent } = yield* counted(backfillOfEach(room, server, from))
          if (rooms.find(room.roomId) !== room) return
          if (!hasGapBefore(room, from)) return yield* fillGaps(room)
          const servers = allMs < vainMsMax ? asked : silent
          const waitedMs = yield* wait({ roomId: room.roomId, what: "history", servers }, failures)
          allMs += waitedMs
          if (silent.length === 0) vainMs += waitedMs
        }
      })

      const makeWhole = (room: Room): Effect.Effect<void> =>
        room.partial === undefined ? Effect.void : later(resync(room, room.partial))

      for (const room of rooms.all()) {
        yield* makeWhole(room)
        yield* fillGaps(room)
      }

      return Resyncs.of({
        makeWhole,
        backfill: (room, server, from) =>
          from.length === 0 ? Effect.void : Effect.andThen(backfill(room, server, from), fillGaps(room)),
        busy: () => busy,
        waiting: () => [...waiting],
      })
    }),
  )
}

/** So long it is asked for history of servers that do answer; and any server may be the one to tell it. */
const vainMsMax = 15 * 60_000

/**
 * Asks one server after the other, as long as something is missing; gives them all, and who of them did not answer. Who
 * was in the room at that time may be out of it by now, by what was said here, and be the only one to hold its history.
 */
const backfillOfEach = Effect.fnUntraced(function* (room: Room, server: string, from: readonly string[]) {
  const { serverName } = yield* ServerIdentity
  const { dag } = room
  const records = from.flatMap((eventId) => dag.timeline(eventId) ?? [])
  const makers = records.flatMap(({ event }) => domainOf(event.sender) ?? [])
  const inRoom = (state: StateMap) => [...joinedServersIn(dag, state)].sort(compareCodePoints)
  const now = inRoom(dag.currentState())
  const then = records.flatMap(({ stateBefore }) => inRoom(stateBefore))
  const servers = [...new Set([server, ...makers, ...now, ...then])].filter((name) => name !== serverName)
  const silent: string[] = []
  for (const asked of servers) {
    if (!hasGapBefore(room, from)) break
    const result = yield* Effect.result(backfillBefore(room, asked, from))
    if (result._tag === "Failure" && isNoAnswer(result.failure)) silent.push(asked)
  }
  return { asked: servers, silent }
})

/** By who told the state there, the events behind which history is missing. Before its own joins a server may have none. */
const gapsIn = ({ dag, partial }: Room, serverName: string): ReadonlyMap<string, readonly string[]> => {
  const gaps = new Map<string, string[]>()
  const isGap = ({ event }: TimelineRecord): boolean =>
    domainOf(event.sender) !== serverName && dag.missingPrevEvents(event).length > 0
  const claimed = [...dag.held.claimed].flatMap((eventId) => dag.timeline(eventId) ?? [])
  if (partial !== undefined || !claimed.some(isGap)) return gaps
  // As they came, be it as outliers at first.
  for (const record of dag.held.allInMemory()) {
    if (record.place === "outlier" || record.stateSource.kind === "computed" || !isGap(record)) continue
    const { event, stateSource } = record
    gaps.set(stateSource.by, [...(gaps.get(stateSource.by) ?? []), event.eventId])
  }
  return gaps
}

const hasGapBefore = ({ dag }: Room, from: readonly string[]): boolean =>
  from.some((eventId) => {
    const event = dag.timeline(eventId)?.event
    return event !== undefined && dag.missingPrevEvents(event).length > 0
  })

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
  yield* Lock.hold([room.receiving, room.writing], () => replace)
})
