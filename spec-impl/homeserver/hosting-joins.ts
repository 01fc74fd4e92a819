/** Letting other servers' users join a room that this server is in (server-server API §Joining Rooms). */
import { Effect } from "effect"
import type { Event } from "../core/event.ts"
import type { JsonObject } from "../core/json/value.ts"
import { authChain, eventsOf } from "../core/room-dag/walks.ts"
import { restrictedJoinSigner } from "../core/signing.ts"
import {
  checkVersion,
  makeTemplate,
  readMembership,
  residentRoom,
  takeMembership,
} from "./hosting-memberships.ts"
import { ServerIdentity } from "./identity.ts"
import { coSignAsSelf, readOwn } from "./local-events.ts"
import { withoutMembers } from "./omitted-members.ts"
import { authoriserOf } from "./restricted-joins.ts"
import { joinedServersIn } from "./room-members.ts"
import type { Room } from "./rooms.ts"

/** The template of a join that would be allowed now. */
export const makeJoin = Effect.fnUntraced(function* (
  origin: string,
  roomId: string,
  userId: string,
  versions: readonly string[],
) {
  const room = yield* residentRoom(roomId, origin)
  yield* checkVersion(room, versions)
  const authoriser = yield* authoriserOf(room, userId)
  const authority = authoriser === undefined ? {} : { join_authorised_via_users_server: authoriser }
  return yield* makeTemplate(room, origin, userId, { membership: "join", ...authority })
})

/**
 * Takes in a join that another server made, sends it on, and tells the state before it; with `omitMembers` without
 * most memberships, and without saying in the auth chain once more what is in the state. The same join again, after an
 * answer that was lost, gets the same answer. How old the join says it is matters as little as for any event: the
 * state now decides (check 6).
 */
export const receiveJoin = Effect.fnUntraced(function* (
  origin: string,
  roomId: string,
  eventId: string,
  pdu: JsonObject,
  omitMembers: boolean,
) {
  const { serverName } = yield* ServerIdentity
  const room = yield* residentRoom(roomId, origin)
  const { dag } = room
  const received = yield* readMembership(room, origin, eventId, pdu, "join")
  const isKnown = dag.timeline(eventId)?.verdict === "accepted"
  const { event, stateBefore } = yield* takeMembership(
    room,
    isKnown ? received : yield* coSigned(room, received),
    origin,
  )
  const whole = dag.eventIdsIn(stateBefore)
  const told = [...(omitMembers ? withoutMembers(dag, stateBefore, event.sender) : whole)].sort()
  const isTold = new Set(omitMembers ? told : [])
  const chain = authChain(dag, [...told, event.eventId]).filter((cited) => !isTold.has(cited.eventId))
  const pdusOf = (events: readonly Event[]): readonly JsonObject[] =>
    events.map((held) => dag.redactions.shown(held).pdu)
  return {
    auth_chain: pdusOf(chain),
    event: event.pdu,
    members_omitted: told.length < whole.length,
    origin: serverName,
    servers_in_room: [...joinedServersIn(dag, stateBefore)].sort(),
    state: pdusOf(eventsOf(dag, told)),
  }
})

/**
 * A join by the authority of one of this server's users gets this server's signature as well, if it may still be
 * had: much can have happened since make_join.
 */
const coSigned = Effect.fnUntraced(function* (room: Room, event: Event) {
  const { serverName } = yield* ServerIdentity
  if (!room.version.auth.restricted || restrictedJoinSigner(event) !== serverName) return event
  yield* authoriserOf(room, event.sender)
  const signed = yield* readOwn(yield* coSignAsSelf(event.pdu, room.version), room.version)
  room.dag.noteSignedRestrictedJoin(signed.eventId)
  return signed
})
