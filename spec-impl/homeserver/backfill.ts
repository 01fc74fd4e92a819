/**
 * After a gap was bridged by a claimed state the events in it are still unknown: asks for them in the
 * background (§Backfilling and retrieving missing events), so that all servers come to hold the same history.
 */
import { Effect, Semaphore } from "effect"
import type { Event } from "../core/event.ts"
import { parentsFirst } from "../core/room-dag/walks.ts"
import { FederationClient } from "../federation/client.ts"
import { admit } from "./admission.ts"
import { takeAuthEvents } from "./missing-events.ts"
import type { Room } from "./rooms.ts"
import { vetAnswered } from "./vetting.ts"

const eventsPerRequest = 100
const requestsMax = 20

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
  yield* backfillTo(room, origin, wanted)
})

/** Takes in those events, which are not part of the history here, and what came before them in the same way. */
export const backfillTo = Effect.fnUntraced(function* (
  room: Room,
  origin: string,
  latest: readonly string[],
) {
  const found = yield* askBack(room, origin, latest)
  yield* Semaphore.withPermits(
    room.receiving,
    1,
  )(
    Effect.forEach(
      parentsFirst(found),
      (event) =>
        room.dag.missingPrevEvents(event).length > 0
          ? Effect.void
          : takeAuthEvents(room, origin, event).pipe(Effect.andThen(admit(room, event, "historical"))),
      { discard: true },
    ),
  )
})

const askBack = Effect.fnUntraced(function* (room: Room, origin: string, latest: readonly string[]) {
  const client = yield* FederationClient
  const found = new Map<string, Event>()
  const isUnknown = (eventId: string): boolean =>
    !found.has(eventId) && room.dag.timeline(eventId) === undefined
  let wanted = latest
  for (let request = 0; request < requestsMax && wanted.length > 0; request++) {
    const question = { params: { roomId: room.roomId }, query: { v: wanted, limit: eventsPerRequest } }
    const { pdus } = yield* client.call(origin, (api) => api.history.backfill(question))
    const events = yield* vetAnswered(room, pdus)
    for (const event of events) if (isUnknown(event.eventId)) found.set(event.eventId, event)
    const next = new Set([...found.values()].flatMap((event) => event.prevEvents).filter(isUnknown))
    if (next.size === 0 || [...next].every((eventId) => wanted.includes(eventId))) break
    wanted = [...next]
  }
  return [...found.values()]
})
