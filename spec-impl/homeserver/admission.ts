/** How events enter a room that this server holds: examined, made durable, seen by all, then sent on. */
import { Context, Effect } from "effect"
import type { Event } from "../core/event.ts"
import { domainOf } from "../core/identifiers.ts"
import type { Arrival, Claim, OutlierRecord, TimelineRecord } from "../core/room-dag/event-record.ts"
import { parentsFirst } from "../core/room-dag/walks.ts"
import type { RecordWrite, StoreFailure, StoreGroup } from "../store/event-store.ts"
import { Destinations } from "./destinations.ts"
import { ServerIdentity } from "./identity.ts"
import { Lock } from "./lock.ts"
import { Outside } from "./outside.ts"
import { asRecommended } from "./policy-signatures.ts"
import { joinedServersIn } from "./room-members.ts"
import { type Room, Rooms } from "./rooms.ts"

/** Runs `effect` while nobody else examines or commits events of the room. */
export const whileWriting = <A, E, R>(room: Room, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  inQueue(room, [room.writing], () => effect)

/** Does `use` while it has those locks of the room, and counts how long it waits for them. */
const inQueue = <A, E, R>(
  { stopwatch }: Room,
  locks: readonly Lock[],
  use: () => Effect.Effect<A, E, R>,
): Effect.Effect<A, E, R> => {
  const since = stopwatch.now()
  return Lock.hold(locks, () => {
    stopwatch.add("queueing", since)
    return use()
  })
}

/** Does `examine`, and counts its time as that of the auth rules, but for state resolution, which counts itself. */
const whileExamining = <A>({ stopwatch }: Room, examine: () => A, count: (done: A) => number): A => {
  const since = stopwatch.now()
  const resolvedMs = stopwatch.totalMs("resolution")
  const done = examine()
  stopwatch.add("auth", since + stopwatch.totalMs("resolution") - resolvedMs, count(done))
  return done
}

/**
 * Makes `event` part of the history. Its auth events must be held, and its parents be part of the history,
 * unless the state before it is claimed. An event that is there already stays as it is, and so does what another one is
 * held by the id of. For a new one that the room's policy server has not signed it is asked once (check 7).
 */
export const admit = Effect.fnUntraced(function* (
  room: Room,
  event: Event,
  arrival: Arrival,
  claimed?: Claim,
) {
  const best = room.dag.bestCopy(event)
  const offered = arrival === "new" ? yield* asRecommended(room, best) : best
  return yield* whileWriting(
    room,
    Effect.gen(function* () {
      const held = room.dag.record(event.eventId)
      if (held?.place === "timeline" || (held !== undefined && room.dag.holdsAnother(event))) return held
      const record = whileExamining(
        room,
        () => room.dag.examine(offered, arrival, claimed),
        () => 1,
      )
      yield* commitRecord(room, record)
      return record
    }),
  )
})

/**
 * Makes as many of `events` part of the history as can be at once, in one store group with `more`: those that need
 * nothing from elsewhere, and that `isAllowed` lets through in view of those before. Tells how many that is.
 */
export const admitInTurn = (
  { rooms, serverName }: { readonly rooms: Rooms["Service"]; readonly serverName: string },
  room: Room,
  events: readonly Event[],
  isAllowed: () => boolean,
  more: (taken: number) => StoreGroup,
  tell: (taken: number) => void,
): Effect.Effect<void, StoreFailure> => {
  const isReady = (event: Event): boolean =>
    !room.dag.holdsAnother(event) &&
    room.dag.missingPrevEvents(event).length === 0 &&
    room.dag.missingAuthEvents(event).length === 0 &&
    room.dag.lackedPolicyServer(room.dag.bestCopy(event)) === undefined &&
    // Who of this server's users stands outside after it is worked out from what is applied.
    !(event.type === "m.room.member" && domainOf(event.stateKey ?? "") === serverName) &&
    isAllowed()
  return inQueue(room, [room.receiving, room.writing], () => {
    if (room.partial !== undefined) return Effect.void
    const taken = whileExamining(
      room,
      () => room.dag.examineInTurn(events, isReady),
      (records) => records.length,
    )
    const records = [...new Set(taken)].filter(({ event }) => !room.dag.isInHistory(event.eventId))
    tell(taken.length)
    return records.length === 0 ? Effect.void : rooms.commit(room, records, more(taken.length))
  })
}

/** With the event, and what is held for its sake, goes who of this server's users stands outside after it. */
export const commitRecord = (
  room: Room,
  record: TimelineRecord,
  more: StoreGroup = {},
  outliers: readonly OutlierRecord[] = [],
) =>
  Effect.uninterruptible(
    Effect.contextWith((services: Context.Context<Rooms | Outside | ServerIdentity>) => {
      const rooms = Context.get(services, Rooms)
      const outside = Context.get(services, Outside)
      const { serverName } = Context.get(services, ServerIdentity)
      const writes = outside.writesFor(room, record, serverName)
      if (writes.length === 0) return rooms.commit(room, [...outliers, record], more)
      const records = [...(more.records ?? []), ...outside.recordsFor(writes)]
      const commit = rooms.commit(room, [...outliers, record], { ...more, outside: writes, records })
      return Effect.andThen(
        commit,
        Effect.sync(() => outside.note(writes)),
      )
    }),
  )

/**
 * Holds events for the sake of those that cite them; one whose auth events are not held is left out. What is held
 * already stays, but that a whole copy replaces a redacted one.
 */
export const admitOutliers = Effect.fnUntraced(function* (room: Room, events: readonly Event[]) {
  const rooms = yield* Rooms
  yield* whileWriting(
    room,
    Effect.gen(function* () {
      for (const event of parentsFirst(events)) {
        if (room.dag.holds(event.eventId) && !room.dag.bettersOutlier(event)) continue
        if (room.dag.missingAuthEvents(event).length > 0) continue
        yield* rooms.commit(room, [room.dag.examineOutlier(event)])
      }
    }),
  )
})

/** What commits an event and sends it on. */
export type CommitServices = Destinations | Outside | Rooms | ServerIdentity

/**
 * Commits an accepted event that this server sends on: to the servers of the members before it and after it
 * (a kicked server gets its own kick), and to that of a user who was invited or knocking and is turned away; but
 * `except`. `records` go into the same group. The caller holds `room.writing`, and who asked for it may go away: what is
 * kept as queued is sent.
 */
export const commitAndSend = (
  room: Room,
  record: TimelineRecord,
  except?: string,
  records: readonly RecordWrite[] = [],
) =>
  Effect.uninterruptible(
    Effect.contextWith((services: Context.Context<Destinations | ServerIdentity>) => {
      const destinations = Context.get(services, Destinations)
      const { event, stateBefore, stateAfter } = record
      const servers = new Set([
        ...joinedServersIn(room.dag, stateBefore),
        ...joinedServersIn(room.dag, stateAfter),
        ...turnedAway(room, record),
      ])
      servers.delete(Context.get(services, ServerIdentity).serverName)
      if (except !== undefined) servers.delete(except)
      const outgoing = destinations.outgoing(room.roomId, event, servers)
      const commit = commitRecord(room, record, {
        destinations: outgoing.writes,
        ...(records.length === 0 ? {} : { records }),
      })
      return Effect.matchCauseEffect(commit, {
        onFailure: (cause) => {
          outgoing.withdraw()
          return Effect.failCause(cause)
        },
        onSuccess: () => {
          outgoing.send()
          return Effect.void
        },
      })
    }),
  )

/** The server of a user who was outside, and is no longer welcome: it need not be in the room. */
const turnedAway = ({ dag }: Room, { event, stateBefore }: TimelineRecord): readonly string[] => {
  const { type, stateKey = "", content } = event
  if (type !== "m.room.member" || (content.membership !== "leave" && content.membership !== "ban")) return []
  const before = dag.eventIn(stateBefore, type, stateKey)?.content.membership
  const server = before === "invite" || before === "knock" ? domainOf(stateKey) : undefined
  return server === undefined ? [] : [server]
}
