/**
 * What a resident server does for users of servers that are not in the room: the common part of joining, leaving
 * and knocking (server-server API §Joining Rooms, §Leaving Rooms, §Knocking upon a room).
 */
import { Effect } from "effect"
import type { Event } from "../core/event.ts"
import { domainOf } from "../core/identifiers.ts"
import type { JsonObject } from "../core/json/value.ts"
import { forbidden, incompatibleRoomVersion, invalidParameter, notFound } from "../federation/matrix-error.ts"
import { commitAndSend, whileWriting } from "./admission.ts"
import { ServerIdentity } from "./identity.ts"
import { completeDraft, draftedEvent } from "./local-events.ts"
import { asRecommended } from "./policy-signatures.ts"
import { checkAcl } from "./room-acl.ts"
import { joinedServersIn, strippedState } from "./room-members.ts"
import { type Room, Rooms } from "./rooms.ts"
import { readSent, vetEvents } from "./vetting.ts"

/** The memberships that a user can take from outside. */
export type OutsideMembership = "join" | "leave" | "knock"

/**
 * The room, if this server is in it, else 404, and if its ACL does not deny the asking server, else 403. It is 404 as
 * well, as of Synapse, while this server does not know all memberships itself: it cannot say who may come in.
 */
export const residentRoom = Effect.fnUntraced(function* (roomId: string, origin: string) {
  const rooms = yield* Rooms
  const room = yield* rooms.get(roomId)
  const { serverName } = yield* ServerIdentity
  if (!joinedServersIn(room.dag, room.dag.currentState()).has(serverName)) {
    return yield* notFound(`this server is not in room ${room.roomId}`)
  }
  yield* checkAcl(room, origin)
  if (room.partial !== undefined) return yield* notFound(`room ${room.roomId} is not whole here yet`)
  return room
})

/** The asking server must know the room's version: else 400, with that. */
export const checkVersion = (room: Room, versions: readonly string[]) =>
  versions.includes(room.version.id) ? Effect.void : Effect.fail(incompatibleRoomVersion(room.version.id))

/** The template of a membership event of `userId` that would be allowed now; `origin` must be its server. */
export const makeTemplate = Effect.fnUntraced(function* (
  room: Room,
  origin: string,
  userId: string,
  content: JsonObject,
) {
  if (domainOf(userId) !== origin) return yield* forbidden("the user is not of the asking server")
  const draft = { type: "m.room.member", sender: userId, stateKey: userId, content }
  const event = yield* completeDraft(room, draft)
  const objection = room.dag.objectionNow(draftedEvent(event, draft, room))
  if (objection !== undefined) return yield* forbidden(`rejected by ${objection.rule}: ${objection.reason}`)
  return { room_version: room.version.id, event }
})

/** §send_join and its kin: what makes an event unfit for its endpoint, each M_INVALID_PARAM but what is not canonical JSON. */
export const readMembership = Effect.fnUntraced(function* (
  room: Room,
  origin: string,
  eventId: string,
  pdu: JsonObject,
  membership: OutsideMembership,
) {
  const event = yield* readSent(pdu, room)
  const problem = unfitness(room, origin, eventId, event, membership)
  if (problem !== undefined) return yield* invalidParameter(problem)
  const [vetted] = yield* vetEvents(room, [event])
  if (vetted === undefined || "problem" in vetted) {
    return yield* invalidParameter(vetted?.problem ?? "the event is not verified")
  }
  return vetted.event
})

const unfitness = (
  { dag }: Room,
  origin: string,
  eventId: string,
  event: Event,
  membership: OutsideMembership,
): string | undefined => {
  if (event.eventId !== eventId) return "the event's id is not that of the path"
  if (event.type !== "m.room.member" || event.content.membership !== membership) {
    return `the event is not a ${membership}`
  }
  if (event.stateKey !== event.sender) return `a user can ${membership} for itself only`
  if (domainOf(event.sender) !== origin) return "the user is not of the asking server"
  return dag.missingPrevEvents(event).length > 0 || dag.missingAuthEvents(event).length > 0
    ? "the event builds on events that this server does not hold"
    : undefined
}

/**
 * Takes in the event and sends it on, to all but the server it came from; 403 where it is not accepted. Who comes from
 * outside need not know of the room's policy server, so that is asked here.
 */
export const takeMembership = Effect.fnUntraced(function* (room: Room, given: Event, origin: string) {
  const event = yield* asRecommended(room, given)
  const record = yield* whileWriting(
    room,
    Effect.gen(function* () {
      if (room.dag.holdsAnother(event)) return yield* invalidParameter("another event has this id")
      const known = room.dag.timeline(event.eventId)
      if (known !== undefined) return known
      const examined = room.dag.examine(event, "new")
      if (examined.verdict === "accepted") yield* commitAndSend(room, examined, origin)
      return examined
    }),
  )
  if (record.objection === undefined) return record
  return yield* forbidden(`rejected by ${record.objection.rule}: ${record.objection.reason}`)
})

/** `make_leave`: for a user who is joined, invited or knocking. */
export const makeLeave = Effect.fnUntraced(function* (origin: string, roomId: string, userId: string) {
  return yield* makeTemplate(yield* residentRoom(roomId, origin), origin, userId, { membership: "leave" })
})

/** `send_leave`. */
export const receiveLeave = Effect.fnUntraced(function* (
  origin: string,
  roomId: string,
  eventId: string,
  pdu: JsonObject,
) {
  const room = yield* residentRoom(roomId, origin)
  const event = yield* readMembership(room, origin, eventId, pdu, "leave")
  yield* takeMembership(room, event, origin)
  return {}
})

/** `make_knock`. */
export const makeKnock = Effect.fnUntraced(function* (
  origin: string,
  roomId: string,
  userId: string,
  versions: readonly string[],
) {
  const room = yield* residentRoom(roomId, origin)
  yield* checkVersion(room, versions)
  return yield* makeTemplate(room, origin, userId, { membership: "knock" })
})

/** `send_knock`: tells what the room is, so that the user's server can show it. */
export const receiveKnock = Effect.fnUntraced(function* (
  origin: string,
  roomId: string,
  eventId: string,
  pdu: JsonObject,
) {
  const room = yield* residentRoom(roomId, origin)
  const event = yield* readMembership(room, origin, eventId, pdu, "knock")
  yield* takeMembership(room, event, origin)
  return { knock_room_state: strippedState(room.dag).map((state) => state.pdu) }
})
