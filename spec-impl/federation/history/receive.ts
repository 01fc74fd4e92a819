/** Server-server API §Backfilling and retrieving missing events, §Retrieving events: the receiving half. */
import { Clock, Effect } from "effect"
import type { Event } from "../../core/event.ts"
import type { JsonObject } from "../../core/json/value.ts"
import { missingEventsDefault } from "../../core/limits.ts"
import { Recent } from "../../core/recent.ts"
import type { TimelineRecord } from "../../core/room-dag/event-record.ts"
import { authChain, backfill, eventsOf, missingEvents } from "../../core/room-dag/walks.ts"
import type { StateMap } from "../../core/state-resolution/state-map.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { checkAcl } from "../../homeserver/room-acl.ts"
import { joinedServersIn } from "../../homeserver/room-members.ts"
import { type Room, Rooms } from "../../homeserver/rooms.ts"
import { Origin } from "../authentication.ts"
import { chapter } from "../chapter.ts"
import { forbidden, notFound } from "../matrix-error.ts"
import { closestEvent } from "./timestamp-order.ts"
import { maySee, pduFor, serverAudience } from "./visibility.ts"

/** What this server gives at most, whatever is asked (Synapse's bounds). */
const missingEventsMax = 20
const backfillEventsMax = 100
/** By so many of the events that it asks about, and of what builds on each, a server that has left may show that it was there. */
const examinedMax = 20

export const HistoryReceive = chapter("history", (handlers) =>
  handlers
    .handle("eventAuth", ({ params: { roomId, eventId } }) =>
      Effect.gen(function* () {
        const room = yield* roomFor(roomId, [eventId])
        const record = room.dag.record(eventId)
        if (record === undefined) return yield* notFound(`event ${eventId} is not held here`)
        const chain = pdusOf(room, authChain(room.dag, [eventId]))
        // Room 12 cites no create event, and yet Synapse and Dendrite both give it here.
        const create = room.version.roomIdIsCreateHash ? room.dag.create() : undefined
        const isImplied = create !== undefined && create.eventId !== eventId
        return { auth_chain: isImplied ? [...pdusOf(room, [create]), ...chain] : chain }
      }),
    )
    .handle("backfill", ({ params: { roomId }, query }) =>
      Effect.gen(function* () {
        const room = yield* roomFor(roomId, query.v)
        const limit = Math.min(Math.max(query.limit, 0), backfillEventsMax)
        return yield* asTransaction(yield* visiblePdus(room, backfill(room.dag, query.v, limit)))
      }),
    )
    .handle("getMissingEvents", ({ params: { roomId }, payload }) =>
      Effect.gen(function* () {
        const room = yield* roomFor(roomId, payload.latest_events)
        const events = missingEvents(room.dag, {
          earliest: payload.earliest_events,
          latest: payload.latest_events,
          limit: Math.min(Math.max(payload.limit ?? missingEventsDefault, 0), missingEventsMax),
          depthMin: payload.min_depth ?? 0,
        })
        return { events: yield* visiblePdus(room, events) }
      }),
    )
    .handle("state", ({ params: { roomId }, query }) =>
      Effect.gen(function* () {
        const room = yield* roomFor(roomId, [query.event_id])
        const stateIds = stateIdsBefore(room, yield* timelineEvent(room, query.event_id))
        return {
          pdus: pdusOf(room, eventsOf(room.dag, stateIds)),
          auth_chain: pdusOf(room, authChain(room.dag, stateIds)),
        }
      }),
    )
    .handle("stateIds", ({ params: { roomId }, query }) =>
      Effect.gen(function* () {
        const room = yield* roomFor(roomId, [query.event_id])
        const { stateBefore } = yield* timelineEvent(room, query.event_id)
        return stateIdsOf.get(stateBefore) ?? stateIdsOf.keep(stateBefore, idsAround(room, stateBefore))
      }),
    )
    .handle("event", ({ params: { eventId } }) =>
      Effect.gen(function* () {
        const rooms = yield* Rooms
        // In rooms 1 and 2 a server picks the ids, and may pick one twice.
        const [first, ...others] = rooms
          .all()
          .filter(({ dag }) => dag.record(eventId) !== undefined)
          .map(({ roomId }) => roomFor(roomId, [eventId]))
        if (first === undefined) return yield* notFound(`event ${eventId} is not held here`)
        const room = yield* others.reduce(
          (found, other) =>
            Effect.catchIf(
              found,
              () => true,
              () => other,
            ),
          first,
        )
        return yield* asTransaction(yield* visiblePdus(room, eventsOf(room.dag, [eventId])))
      }),
    )
    .handle("timestampToEvent", ({ params: { roomId }, query: { ts, dir } }) =>
      Effect.gen(function* () {
        const room = yield* roomFor(roomId, [])
        const asker = serverAudience(yield* Origin)
        const found = closestEvent(room.dag, ts, dir, (record) => maySee(room.dag, record, asker))
        if (found === undefined) {
          return yield* notFound(`no event is known ${dir === "f" ? "from" : "up to"} ${ts}`)
        }
        return { event_id: found.event.eventId, origin_server_ts: found.event.originServerTs }
      }),
    ),
)

/**
 * The room, for a server that has a member in it now, or had one around one of the events that it asks about: before it,
 * after it, or before what builds on it. Who was kicked must be able to take in the join by which it came, of which it may
 * know part of the state, and its own kick, which may build on a branch that it is no part of. Else 404 unknown, 403 not
 * in the room or denied by its ACL.
 */
const roomFor = Effect.fnUntraced(function* (roomId: string, about: readonly string[]) {
  const rooms = yield* Rooms
  const origin = yield* Origin
  const room = yield* rooms.get(roomId)
  yield* checkAcl(room, origin)
  const isThere = (state: StateMap): boolean => joinedServersIn(room.dag, state).has(origin)
  const isAround = (eventId: string): boolean => {
    const record = room.dag.timeline(eventId)
    if (record === undefined) return false
    if (isThere(record.stateBefore)) return true
    // By a join that was soft-failed nobody has come in.
    if (record.verdict === "accepted" && isThere(record.stateAfter)) return true
    const later = room.dag.held.childrenOf(eventId).slice(0, examinedMax)
    return later.some((id) => {
      const child = room.dag.timeline(id)
      return child?.verdict === "accepted" && isThere(child.stateBefore)
    })
  }
  if (isThere(room.dag.currentState()) || about.slice(0, examinedMax).some(isAround)) return room
  return yield* forbidden(`${origin} is not in room ${roomId}`)
})

const timelineEvent = Effect.fnUntraced(function* (room: Room, eventId: string) {
  const record = room.partial === undefined ? room.dag.timeline(eventId) : undefined
  return record ?? (yield* notFound(`the state at event ${eventId} is not known here`))
})

/** The state before the event, as the specification has it (Dendrite gives the state after it). */
const stateIdsBefore = (room: Room, record: TimelineRecord): readonly string[] =>
  room.dag.eventIdsIn(record.stateBefore).sort()

/** The ids of a state, and of what its events cite; whoever catches up asks for the same state again and again. */
const idsAround = ({ dag }: Room, state: StateMap) => ({
  pdu_ids: dag.eventIdsIn(state).sort(),
  auth_chain_ids: authChain(dag, dag.eventIdsIn(state))
    .map(({ eventId }) => eventId)
    .sort(),
})
const stateIdsOf = new Recent<StateMap, ReturnType<typeof idsAround>>(16)

/** What history visibility leaves of those events for the server that asks. State and auth chains are told whole. */
const visiblePdus = Effect.fnUntraced(function* ({ dag }: Room, events: readonly Event[]) {
  const audience = serverAudience(yield* Origin)
  return events.flatMap(({ eventId }) => {
    const record = dag.record(eventId)
    return record === undefined ? [] : [pduFor(dag, record, audience)]
  })
})

/** §Redactions: what is redacted goes out redacted. */
const pdusOf = ({ dag }: Room, events: readonly Event[]): readonly JsonObject[] =>
  events.map((event) => dag.redactions.shown(event).pdu)

const asTransaction = Effect.fnUntraced(function* (pdus: readonly JsonObject[]) {
  const { serverName } = yield* ServerIdentity
  return { origin: serverName, origin_server_ts: yield* Clock.currentTimeMillis, pdus }
})
