/** How events enter a room that this server holds: examined, made durable, seen by all, then sent on. */
import { Effect, Semaphore } from "effect"
import type { Event } from "../core/event.ts"
import type { Arrival, Claim, TimelineRecord } from "../core/room-dag/event-record.ts"
import { parentsFirst } from "../core/room-dag/walks.ts"
import { Destinations } from "./destinations.ts"
import { ServerIdentity } from "./identity.ts"
import { asRecommended } from "./policy-signatures.ts"
import { joinedServersIn } from "./room-members.ts"
import { type Room, Rooms } from "./rooms.ts"

/** Runs `effect` while nobody else examines or commits events of the room. */
export const whileWriting = <A, E, R>(room: Room, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Semaphore.withPermits(room.writing, 1)(effect)

/**
 * Makes `event` part of the history. Its auth events must be held, and its parents be part of the history,
 * unless the state before it is claimed. An event that is there already stays as it is. For a new one that the room's
 * policy server has not signed it is asked once (check 7).
 */
export const admit = Effect.fnUntraced(function* (
  room: Room,
  event: Event,
  arrival: Arrival,
  claimed?: Claim,
) {
  const rooms = yield* Rooms
  const offered = arrival === "new" ? yield* asRecommended(room, event) : event
  return yield* whileWriting(
    room,
    Effect.gen(function* () {
      const held = room.dag.timeline(event.eventId)
      if (held !== undefined) return held
      const record = room.dag.examine(offered, arrival, claimed)
      yield* rooms.commit(room, [record])
      return record
    }),
  )
})

/** Holds events for the sake of those that cite them; one whose auth events are not held is left out. */
export const admitOutliers = Effect.fnUntraced(function* (room: Room, events: readonly Event[]) {
  const rooms = yield* Rooms
  yield* whileWriting(
    room,
    Effect.gen(function* () {
      for (const event of parentsFirst(events)) {
        if (room.dag.record(event.eventId) !== undefined) continue
        if (room.dag.missingAuthEvents(event).length > 0) continue
        yield* rooms.commit(room, [room.dag.examineOutlier(event)])
      }
    }),
  )
})

/**
 * Commits an accepted event that this server sends on: to the servers of the members before it and after it
 * (a kicked server gets its own kick), but `except`. The caller holds `room.writing`.
 */
export const commitAndSend = Effect.fnUntraced(function* (
  room: Room,
  record: TimelineRecord,
  except?: string,
) {
  const rooms = yield* Rooms
  const destinations = yield* Destinations
  const { serverName } = yield* ServerIdentity
  const { event, stateBefore, stateAfter } = record
  const servers = new Set([
    ...joinedServersIn(room.dag, stateBefore),
    ...joinedServersIn(room.dag, stateAfter),
  ])
  servers.delete(serverName)
  if (except !== undefined) servers.delete(except)
  yield* rooms.commit(room, [record], {
    destinations: destinations.writesFor(room.roomId, event, servers),
  })
  yield* destinations.send(room.roomId, event, servers)
})
