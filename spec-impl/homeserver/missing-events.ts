/**
 * What a server does about the events that a received one builds on and that it does not have, as servers do
 * it: `/get_missing_events`; then, for each parent still missing, the state there as the sender tells it.
 */
import { Effect } from "effect"
import type { Event } from "../core/event.ts"
import { eventIdOf } from "../core/event-id.ts"
import { claimedState } from "../core/room-dag/decide-anew.ts"
import { parentsFirst } from "../core/room-dag/walks.ts"
import { FederationClient } from "../federation/client.ts"
import { ErrorWithoutStack } from "../federation/error-without-stack.ts"
import { admit, admitOutliers } from "./admission.ts"
import { askAgain } from "./asking-again.ts"
import { joinedServersIn } from "./room-members.ts"
import type { Room } from "./rooms.ts"
import { Settings } from "./settings.ts"
import { type VettedAnswer, vetAnswered } from "./vetting.ts"

/** An event that cannot be taken in, since what it builds on is not to be had. */
export class MissingHistory extends ErrorWithoutStack("MissingHistory")<{ readonly why: string }> {}

/**
 * Fills the gap before `event`, which `origin` sent. Adds to `claimed` the parents that were taken in with a claimed
 * state, before which history is still missing; also where it fails after that.
 */
export const fillGap = Effect.fnUntraced(function* (
  room: Room,
  origin: string,
  event: Event,
  claimed: string[],
) {
  if (room.dag.missingPrevEvents(event).length > 0) {
    const { between, isTold } = yield* askMissingEvents(room, origin, event)
    if (!isTold && (yield* Settings).readings.unfillableGap === "drop") {
      return yield* new MissingHistory({ why: "events before it are missing, and its sender gives none" })
    }
    for (const earlier of between) {
      yield* takeEarlier(room, origin, earlier, claimed).pipe(
        Effect.catchTags({ MatrixError: () => Effect.void, MissingHistory: () => Effect.void }),
      )
    }
    yield* takeParentsFromState(room, origin, event, claimed)
  }
  yield* takeAuthEvents(room, origin, event)
})

/**
 * Where the state before it is not to be had, it is left out: who joined late cannot tell what was before its join. The
 * state before the next one can be had still, and brings this one back as a parent.
 */
const takeEarlier = Effect.fnUntraced(function* (
  room: Room,
  origin: string,
  earlier: Event,
  claimed: string[],
) {
  yield* takeParentsFromState(room, origin, earlier, claimed)
  yield* takeAuthEvents(room, origin, earlier)
  yield* admit(room, earlier, "new")
})

/**
 * What the sender tells of it, but for what is no part of the gap: it may tell of nothing else, where one parent is held
 * and the limit is reached before the other. Whether it tells of anything is said too.
 */
const askMissingEvents = Effect.fnUntraced(function* (room: Room, origin: string, event: Event) {
  const client = yield* FederationClient
  const { missingEventsLimit } = yield* Settings
  const payload = {
    earliest_events: room.dag.forwardExtremities(),
    latest_events: [event.eventId],
    limit: missingEventsLimit,
    min_depth: 0,
  }
  const answer = yield* client
    .call(origin, (api) => api.history.getMissingEvents({ params: { roomId: room.roomId }, payload }))
    .pipe(Effect.orElseSucceed(() => ({ events: [] })))
  const { events } = yield* vetAnswered(room, answer.events.slice(0, missingEventsLimit))
  return { between: parentsFirst(lackedBefore(room, event, events)), isTold: events.length > 0 }
})

/**
 * Those of `events` by which one comes from `event` back to what is held. The answer goes on behind that where another
 * branch of the history begins there, for it knows of this server's tips alone.
 */
const lackedBefore = ({ dag }: Room, event: Event, events: readonly Event[]): readonly Event[] => {
  const given = new Map(events.map((one) => [one.eventId, one]))
  const lacked = new Set<Event>()
  const waiting = [event]
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const eventId of dag.missingPrevEvents(at)) {
      const parent = given.get(eventId)
      if (parent === undefined || lacked.has(parent)) continue
      lacked.add(parent)
      waiting.push(parent)
    }
  }
  return [...lacked]
}

/** Takes in each parent that is still missing, with the state before it as `origin` tells it, and adds it to `claimed`. */
const takeParentsFromState = Effect.fnUntraced(function* (
  room: Room,
  origin: string,
  event: Event,
  claimed: string[],
) {
  for (const eventId of room.dag.missingPrevEvents(event)) {
    const create = room.dag.create()
    if (create?.eventId === eventId) {
      yield* admit(room, create, "new")
      continue
    }
    const { stateIds, events } = yield* askState(room, origin, eventId)
    // All states after the first event hold it: what does not is no state of this room, whoever tells it.
    if (create !== undefined && !stateIds.includes(create.eventId)) {
      return yield* new MissingHistory({ why: `${origin} told a state without the room's create event` })
    }
    yield* admitOutliers(room, events)
    const parent = yield* heldOrAsked(room, origin, eventId)
    yield* takeAuthEvents(room, origin, parent)
    yield* admit(room, parent, "new", claimedState(room.dag, stateIds, origin))
    claimed.push(eventId)
  }
})

/**
 * The state before `eventId` as `origin` tells it, and those of its events and their auth chains that are not held
 * here and pass checks 1 to 3. It fails unless all that is named is given: a state with a hole in its auth chain
 * would be kept for good. What is given damaged, and nowhere to be had whole, is left out: to refuse the state for it
 * would keep this server out of the room for good.
 */
export const askState = Effect.fnUntraced(function* (room: Room, origin: string, eventId: string) {
  const client = yield* FederationClient
  const { fullStateShareMin } = yield* Settings
  const question = { params: { roomId: room.roomId }, query: { event_id: eventId } }
  const told = yield* client.call(origin, (api) => api.history.stateIds(question))
  const wanted = new Set([...told.auth_chain_ids, ...told.pdu_ids])
  const missing = [...wanted].filter((id) => !room.dag.holds(id))
  const given =
    missing.length > wanted.size * fullStateShareMin
      ? yield* Effect.map(
          client.call(origin, (api) => api.history.state(question)),
          ({ pdus, auth_chain }) => [...auth_chain, ...pdus],
        )
      : (yield* Effect.forEach(missing, (id) => askEvent(origin, id))).flat()
  const ids = new Set(given.map((pdu) => eventIdOf(pdu, room.version)))
  const holes = missing.filter((id) => !ids.has(id))
  // What an id is made of may have been altered: then something came that nobody asked for.
  const isOdd = holes.length > 0 && [...ids].some((id) => id === undefined || !wanted.has(id))
  if (holes.length > 0 && !isOdd) return yield* lackingOf(holes[0]!)
  const answer = yield* vetAnswered(room, given)
  const again = isWell(answer) ? [] : yield* askAgain(room, origin, serversIn(room), given, answer, missing)
  const hole = holes.find((id) => !again.some(({ eventId }) => eventId === id))
  if (hole !== undefined) return yield* lackingOf(hole)
  const events = [...answer.events, ...again]
  return { stateIds: told.pdu_ids, chainIds: told.auth_chain_ids, events }
})

const lackingOf = (eventId: string) =>
  new MissingHistory({ why: `${eventId} is part of the state, and its sender does not give it` })

const isWell = ({ damaged }: VettedAnswer): boolean => damaged.size === 0

const serversIn = ({ dag }: Room): ReadonlySet<string> => joinedServersIn(dag, dag.currentState())

/** The event, from what is held or else from `origin`; its place in the history may be unknown. */
export const heldOrAsked = Effect.fnUntraced(function* (room: Room, origin: string, eventId: string) {
  const held = room.dag.record(eventId)?.event
  if (held !== undefined) return held
  const pdus = yield* askEvent(origin, eventId)
  const answer = yield* vetAnswered(room, pdus)
  const [again] = isWell(answer)
    ? []
    : yield* askAgain(room, origin, serversIn(room), pdus, answer, [eventId])
  const event = again ?? answer.events[0]
  if (event?.eventId === eventId) return event
  return yield* new MissingHistory({
    why: `${eventId} is missing, and its sender gives another in its place`,
  })
})

const askEvent = Effect.fnUntraced(function* (origin: string, eventId: string) {
  const client = yield* FederationClient
  return (yield* client.call(origin, (api) => api.history.event({ params: { eventId } }))).pdus
})

/** Has all auth events of `event` held, as outliers where their place in the history is not known. */
export const takeAuthEvents = Effect.fnUntraced(function* (room: Room, origin: string, event: Event) {
  if (room.dag.missingAuthEvents(event).length === 0) return
  const client = yield* FederationClient
  const params = { roomId: room.roomId, eventId: event.eventId }
  const { auth_chain } = yield* client.call(origin, (api) => api.history.eventAuth({ params }))
  const answer = yield* vetAnswered(room, auth_chain)
  const cited = isWell(answer) ? [] : [event, ...answer.events].flatMap(({ authEvents }) => authEvents)
  const again = isWell(answer)
    ? []
    : yield* askAgain(room, origin, serversIn(room), auth_chain, answer, cited)
  yield* admitOutliers(room, [...answer.events, ...again])
  const [missing] = room.dag.missingAuthEvents(event)
  if (missing !== undefined) {
    return yield* new MissingHistory({
      why: `auth event ${missing} is missing, and its sender does not give it`,
    })
  }
})
