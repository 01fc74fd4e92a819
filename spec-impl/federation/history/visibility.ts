/** Who may see which events of a room (client-server API §Room History Visibility). */
import type { Event } from "../../core/event.ts"
import { domainOf } from "../../core/identifiers.ts"
import type { JsonObject } from "../../core/json/value.ts"
import type { EventRecord, TimelineRecord } from "../../core/room-dag/event-record.ts"
import type { RoomDag } from "../../core/room-dag/room-dag.ts"
import type { StateMap } from "../../core/state-resolution/state-map.ts"
import { joinedServersIn } from "../../homeserver/room-members.ts"

/** Whoever wants to see: one user, or a server, which may see what any of its users may. */
export interface Audience {
  readonly includes: (userId: string) => boolean
  /** Whether one of them is joined in `state`. */
  readonly isJoinedIn: (dag: RoomDag, state: StateMap) => boolean
}

/** A server with all its users. */
export const serverAudience = (server: string): Audience => ({
  includes: (userId) => domainOf(userId) === server,
  isJoinedIn: (dag, state) => joinedServersIn(dag, state).has(server),
})

/** One user alone. */
export const userAudience = (userId: string): Audience => ({
  includes: (other) => other === userId,
  isJoinedIn: (dag, state) => dag.eventIn(state, "m.room.member", userId)?.content.membership === "join",
})

/**
 * Whether they may see the event. Of m.room.history_visibility events and of their own memberships the state
 * before or after counts, whichever lets them; around all others the two say the same.
 */
export const maySee = (dag: RoomDag, record: TimelineRecord, audience: Audience): boolean =>
  isVisibleIn(dag, record, record.stateBefore, audience) ||
  (record.stateAfter !== record.stateBefore && isVisibleIn(dag, record, record.stateAfter, audience))

const isVisibleIn = (
  dag: RoomDag,
  { event }: TimelineRecord,
  state: StateMap,
  audience: Audience,
): boolean => {
  const visibility = dag.eventIn(state, "m.room.history_visibility", "")?.content.history_visibility
  if (visibility === "world_readable" || audience.isJoinedIn(dag, state)) return true
  if (visibility === "joined") return false
  if (visibility === "invited") return isInvitedIn(dag, state, audience)
  return audience.isJoinedIn(dag, dag.currentState()) || joinedAfter(dag, event, audience)
}

const isInvitedIn = (dag: RoomDag, state: StateMap, audience: Audience): boolean =>
  dag.eventIdsIn(state).some((eventId) => {
    const event = dag.record(eventId)?.event
    return event !== undefined && isMembership(event, "invite", audience)
  })

/** For those who have left since: whether one of them joined further on in the history. */
const joinedAfter = (dag: RoomDag, { depth }: Event, audience: Audience): boolean => {
  for (const record of dag.held.allInMemory()) {
    if (record.place !== "timeline" || record.verdict !== "accepted" || record.event.depth <= depth) continue
    if (isMembership(record.event, "join", audience)) return true
  }
  return false
}

const isMembership = ({ type, stateKey, content }: Event, membership: string, audience: Audience): boolean =>
  type === "m.room.member" && content.membership === membership && audience.includes(stateKey ?? "")

/** What the authorisation rules read: a redacted copy of it could be judged otherwise than the whole event. */
const authTypes: ReadonlySet<string> = new Set([
  "m.room.create",
  "m.room.join_rules",
  "m.room.member",
  "m.room.power_levels",
  "m.room.third_party_invite",
])

/**
 * The event as a server may have it: as it is shown, or redacted where none of its users may see it (so does Synapse;
 * the history stays without holes, and its ids and signatures hold). Shown as well is what that server gets with
 * any state of the room: what events are authorised by, what is in the room's state now, and state that is held as
 * outliers for the sake of these. Who may see a message whose place in the history is not known cannot be told.
 */
export const pduFor = (dag: RoomDag, record: EventRecord, audience: Audience): JsonObject => {
  const { event } = record
  const { redactions } = dag
  const isTold =
    record.place === "outlier"
      ? event.stateKey !== undefined
      : (event.stateKey !== undefined && (authTypes.has(event.type) || isInCurrentState(dag, event))) ||
        maySee(dag, record, audience)
  return (isTold ? redactions.shown(event) : redactions.redacted(event)).pdu
}

const isInCurrentState = (dag: RoomDag, { eventId, type, stateKey }: Event): boolean =>
  stateKey !== undefined && dag.eventIn(dag.currentState(), type, stateKey)?.eventId === eventId
