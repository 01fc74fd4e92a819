/**
 * After a gap was bridged by a claimed state the events in it are still unknown: asks for them in the
 * background (§Backfilling and retrieving missing events), so that all servers come to hold the same history.
 */
import { Effect } from "effect"
import type { Event } from "../core/event.ts"
import type { Arrival } from "../core/room-dag/event-record.ts"
import { isCovered } from "../core/room-dag/forward-extremities.ts"
import { parentsFirst } from "../core/room-dag/walks.ts"
import { FederationClient } from "../federation/client.ts"
import { admit } from "./admission.ts"
import { Lock } from "./lock.ts"
import { takeAuthEvents } from "./missing-events.ts"
import type { Room } from "./rooms.ts"
import { vetAnswered } from "./vetting.ts"

const eventsPerRequest = 100
const requestsMax = 20
/** They stand in the URL, and an event of another server may name as many parents as it likes. */
const idsPerRequest = 50

/** Takes in what came before `from`, back to the history that is held; what cannot be had stays a gap. */
export const backfillBefore = Effect.fnUntraced(function* (
  room: Room,
  origin: string,
  from: readonly string[],
) {
  const wanted = from.flatMap((eventId) => {
    const event = room.dag.timeline(eventId)?.event
    return event === undefined ? [] : room.dag.missingPrevEvents(event)
  })
  yield* backfillTo(room, origin, wanted, ofThePast)
})

/**
 * Those of `events`, parents first, that something accepted builds on. The others come before soft-failed events alone:
 * they are as new as any, may be extremities, and face the room as it is (§Soft failure).
 */
const ofThePast = ({ dag }: Room, events: readonly Event[]): ReadonlySet<string> => {
  const past = new Set<string>()
  for (const { eventId, prevEvents } of events.toReversed()) {
    if (!past.has(eventId) && !isCovered(eventId, dag.held)) continue
    for (const id of [eventId, ...prevEvents]) past.add(id)
  }
  return past
}

/** Before a join that is yet to be taken in all is past. */
const allOfThem = (_room: Room, events: readonly Event[]): ReadonlySet<string> =>
  new Set(events.map(({ eventId }) => eventId))

/**
 * Takes in those events, which are not part of the history here, and what came before them in the same way. An event of
 * which something is not to be had is left out, with what builds on it. `pastOf` says which of all these are past.
 */
export const backfillTo = Effect.fnUntraced(function* (
  room: Room,
  origin: string,
  latest: readonly string[],
  pastOf = allOfThem,
) {
  const found = parentsFirst(yield* askBack(room, origin, latest))
  yield* Lock.hold([room.receiving], () => {
    const past = pastOf(room, found)
    return Effect.forEach(
      found,
      (event) => takeEarlier(room, origin, event, past.has(event.eventId) ? "historical" : "new"),
      { discard: true },
    )
  })
})

const takeEarlier = (room: Room, origin: string, event: Event, arrival: Arrival) =>
  room.dag.missingPrevEvents(event).length > 0
    ? Effect.void
    : takeAuthEvents(room, origin, event).pipe(
        Effect.andThen(admit(room, event, arrival)),
        Effect.catchTags({ MatrixError: () => Effect.void, MissingHistory: () => Effect.void }),
      )

/** What `origin` tells, page by page, until it tells nothing new; where a later page fails, what came before it. */
const askBack = Effect.fnUntraced(function* (room: Room, origin: string, latest: readonly string[]) {
  const client = yield* FederationClient
  const found = new Map<string, Event>()
  const asked = new Set<string>()
  const wanted = new Set(latest)
  for (let request = 0; request < requestsMax; request++) {
    const lacked = [...wanted].filter((id) => !asked.has(id) && !room.dag.isInHistory(id))
    const v = lacked.filter((id) => !found.has(id)).slice(0, idsPerRequest)
    if (v.length === 0) break
    for (const id of v) asked.add(id)
    const question = { params: { roomId: room.roomId }, query: { v, limit: eventsPerRequest } }
    const answer = yield* Effect.result(client.call(origin, (api) => api.history.backfill(question)))
    if (answer._tag === "Failure") {
      if (found.size === 0) return yield* Effect.fail(answer.failure)
      break
    }
    const { events } = yield* vetAnswered(room, answer.success.pdus.slice(0, eventsPerRequest))
    for (const event of events) {
      if (room.dag.isInHistory(event.eventId) || found.has(event.eventId)) continue
      found.set(event.eventId, event)
      for (const id of event.prevEvents) wanted.add(id)
    }
  }
  return [...found.values()]
})
