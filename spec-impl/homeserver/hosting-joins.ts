/** Letting other servers' users join a room that this server is in (server-server API §Joining Rooms). */
import { Effect } from "effect"
import type { Event } from "../core/event.ts"
import { domainOf } from "../core/identifiers.ts"
import type { JsonObject } from "../core/json/value.ts"
import { authChain, eventsOf } from "../core/room-dag/walks.ts"
import { restrictedJoinSigner } from "../core/signing.ts"
import { forbidden, incompatibleRoomVersion, invalidParameter, notFound } from "../federation/matrix-error.ts"
import { commitAndSend, whileWriting } from "./admission.ts"
import { ServerIdentity } from "./identity.ts"
import { completeDraft, coSignAsSelf, draftedEvent, readOwn } from "./local-events.ts"
import { authoriserOf } from "./restricted-joins.ts"
import { joinedServersIn } from "./room-members.ts"
import { type Room, Rooms } from "./rooms.ts"
import { readPdu, vetEvents } from "./vetting.ts"

/** The template of a join that would be allowed now. */
export const makeJoin = Effect.fnUntraced(function* (
  origin: string,
  roomId: string,
  userId: string,
  versions: readonly string[],
) {
  const rooms = yield* Rooms
  const room = yield* rooms.get(roomId)
  yield* checkResident(room)
  if (domainOf(userId) !== origin) return yield* forbidden("the user is not of the asking server")
  if (!versions.includes(room.version.id)) return yield* incompatibleRoomVersion(room.version.id)
  const authoriser = yield* authoriserOf(room, userId)
  const draft = {
    type: "m.room.member",
    sender: userId,
    stateKey: userId,
    content:
      authoriser === undefined
        ? { membership: "join" }
        : { membership: "join", join_authorised_via_users_server: authoriser },
  }
  const event = yield* completeDraft(room, draft)
  const objection = room.dag.objectionNow(draftedEvent(event, draft, room))
  if (objection !== undefined) {
    return yield* forbidden(`rejected by ${objection.rule}: ${objection.reason}`)
  }
  return { room_version: room.version.id, event }
})

/** Takes in a join that another server made, sends it on, and tells the state before it. */
export const receiveJoin = Effect.fnUntraced(function* (
  origin: string,
  roomId: string,
  eventId: string,
  pdu: JsonObject,
) {
  const rooms = yield* Rooms
  const { serverName } = yield* ServerIdentity
  const room = yield* rooms.get(roomId)
  yield* checkResident(room)
  const event = yield* coSigned(room, yield* readJoin(room, origin, eventId, pdu))
  const record = yield* whileWriting(
    room,
    Effect.gen(function* () {
      const known = room.dag.timeline(event.eventId)
      if (known !== undefined) return known
      const examined = room.dag.examine(event, "new")
      if (examined.verdict === "accepted") yield* commitAndSend(room, examined, origin)
      return examined
    }),
  )
  if (record.objection !== undefined) {
    return yield* forbidden(`rejected by ${record.objection.rule}: ${record.objection.reason}`)
  }
  const stateIds = room.dag.eventIdsIn(record.stateBefore).sort()
  const pdusOf = (events: readonly Event[]): readonly JsonObject[] => events.map((held) => held.pdu)
  return {
    origin: serverName,
    state: pdusOf(eventsOf(room.dag, stateIds)),
    auth_chain: pdusOf(authChain(room.dag, [...stateIds, event.eventId])),
    event: event.pdu,
    members_omitted: false,
    servers_in_room: [...joinedServersIn(room.dag, record.stateBefore)].sort(),
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

/** §send_join: what makes the event of a join unfit, each M_INVALID_PARAM. */
const readJoin = Effect.fnUntraced(function* (room: Room, origin: string, eventId: string, pdu: JsonObject) {
  const read = readPdu(pdu, room, { checkReferenceCounts: true })
  if ("problem" in read) return yield* invalidParameter(read.problem)
  const { event } = read
  const problem =
    event.eventId !== eventId
      ? "the event's id is not that of the path"
      : event.type !== "m.room.member" || event.content.membership !== "join"
        ? "the event is not a join"
        : event.stateKey !== event.sender
          ? "a user can join for itself only"
          : domainOf(event.sender) !== origin
            ? "the user is not of the asking server"
            : room.dag.missingPrevEvents(event).length > 0 || room.dag.missingAuthEvents(event).length > 0
              ? "the event builds on events that this server does not hold"
              : undefined
  if (problem !== undefined) return yield* invalidParameter(problem)
  const [vetted] = yield* vetEvents(room, [event])
  if (vetted === undefined || "problem" in vetted) {
    return yield* invalidParameter(vetted?.problem ?? "the event is not verified")
  }
  return vetted.event
})

const checkResident = Effect.fnUntraced(function* (room: Room) {
  const { serverName } = yield* ServerIdentity
  if (joinedServersIn(room.dag, room.dag.currentState()).has(serverName)) return
  return yield* notFound(`this server is not in room ${room.roomId}`)
})
