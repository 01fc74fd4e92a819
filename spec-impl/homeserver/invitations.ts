/** Inviting users of other servers, and being invited by them (server-server API §Inviting to a room). */
import { Effect } from "effect"
import type { Event } from "../core/event.ts"
import { domainOf } from "../core/identifiers.ts"
import { isJsonArray, isJsonObject, type JsonObject } from "../core/json/value.ts"
import { FederationClient, type FederationUnreachable } from "../federation/client.ts"
import {
  forbidden,
  incompatibleRoomVersion,
  invalidParameter,
  type MatrixError,
  missingParameter,
} from "../federation/matrix-error.ts"
import { whileWriting } from "./admission.ts"
import { isSameEvent, withAnsweredSignatures } from "./answered-signatures.ts"
import { asClientSees, badAnswer } from "./failures.ts"
import { ServerIdentity } from "./identity.ts"
import { InvitePermission } from "./invite-permission.ts"
import {
  completeDraft,
  coSignAsSelf,
  type Draft,
  readOwn,
  sendLocalEvent,
  signAsSelf,
  takeOwn,
  untilAuthorisable,
} from "./local-events.ts"
import { Outside } from "./outside.ts"
import { putBeforePolicyServer } from "./policy-signatures.ts"
import { checkAcl } from "./room-acl.ts"
import { joinedServersIn, strippedState } from "./room-members.ts"
import { type Room, Rooms } from "./rooms.ts"
import { Settings } from "./settings.ts"
import { readInviteState } from "./told-room-state.ts"
import { readSent, vetEvents } from "./vetting.ts"

/**
 * Invites `target` in the name of a user of this server. The target's server signs first: what it refuses is
 * never part of the room. `more` is further content of the event.
 */
export const invite = Effect.fnUntraced(function* (
  room: Room,
  sender: string,
  target: string,
  more: JsonObject = {},
) {
  const { serverName } = yield* ServerIdentity
  const content = { ...more, membership: "invite" }
  const draft: Draft = { type: "m.room.member", sender, stateKey: target, content }
  const server = domainOf(target)
  if (server === serverName) yield* (yield* InvitePermission).check(target)
  if (server === undefined || server === serverName) return yield* sendLocalEvent(room, draft)
  yield* untilAuthorisable(room, draft)
  const drafted = yield* whileWriting(room, draftInvite(room, draft))
  const recommended = yield* putBeforePolicyServer(room, drafted)
  const signed = yield* askToSign(room, recommended, server)
  yield* whileWriting(room, takeOwn(room, signed))
  return signed
})

const draftInvite = Effect.fnUntraced(function* (room: Room, draft: Draft) {
  const pdu = yield* signAsSelf(yield* completeDraft(room, draft), room.version)
  const event = yield* readOwn(pdu, room.version)
  const objection = room.dag.objectionNow(event)
  if (objection === undefined) return event
  return yield* forbidden(`rejected by ${objection.rule}: ${objection.reason}`)
})

const askToSign = Effect.fnUntraced(function* (room: Room, event: Event, server: string) {
  const client = yield* FederationClient
  const params = { roomId: room.roomId, eventId: event.eventId }
  const roomState = strippedState(room.dag, event.sender).map(({ pdu }) => pdu)
  const body = { room_version: room.version.id, event: event.pdu, invite_room_state: roomState }
  const ofV1 = { ...event.pdu, unsigned: { invite_room_state: roomState } }
  const answer = yield* client
    .call(server, (api) => api.rooms.invite({ params, payload: body }))
    .pipe(
      // §Inviting to a room: servers that know v1 alone know rooms of versions 1 and 2 alone.
      Effect.catchIf(
        (error) => room.version.eventId === "opaque" && isUnknownEndpoint(error),
        () =>
          Effect.map(
            client.call(server, (api) => api.rooms.inviteV1({ params, payload: ofV1 })),
            ([, answered]) => answered,
          ),
      ),
      Effect.mapError(asClientSees),
    )
  if (isSameEvent(room, event, answer.event)) {
    const by = { signers: [server], policyServer: undefined }
    return yield* withAnsweredSignatures(room, event, answer.event, by)
  }
  return yield* badAnswer(`${server} gave another event back than the invite that it got`)
})

const isUnknownEndpoint = (error: MatrixError | FederationUnreachable): boolean =>
  error._tag === "MatrixError" && (error.status === 400 || error.status === 404)

/** What an inviting server sends. */
export interface ReceivedInvite {
  /** Undefined where the sender says nothing of it (v1): 1 or 2. */
  readonly roomVersion: string | undefined
  readonly event: JsonObject
  /** Undefined where it says nothing of the room. */
  readonly roomState: readonly JsonObject[] | undefined
}

/** Takes an invite for a user of this server, and gives the event back with this server's signature. */
export const receiveInvite = Effect.fnUntraced(function* (
  origin: string,
  roomId: string,
  eventId: string,
  received: ReceivedInvite,
) {
  const rooms = yield* Rooms
  const { roomVersions } = yield* Settings
  // A server that speaks v1 must be taken to mean 1 or 2, which are alike.
  const id = received.roomVersion ?? "1"
  const version = roomVersions.find((known) => known.id === id)
  if (version === undefined) return yield* incompatibleRoomVersion(id)
  const room = rooms.find(roomId) ?? rooms.make(roomId, version)
  yield* checkAcl(room, origin)
  const isMeant =
    received.roomVersion === undefined ? room.version.eventId === version.eventId : room.version.id === id
  if (!isMeant) return yield* invalidParameter(`room ${roomId} is of version ${room.version.id}`)
  const event = yield* readInvite(room, origin, eventId, received.event)
  if (received.roomState === undefined && room.version.roomIdIsCreateHash) {
    return yield* missingParameter("there is no invite_room_state")
  }
  const roomState = yield* readInviteState(room, received.roomState ?? [])
  const invited = event.stateKey ?? ""
  yield* (yield* InvitePermission).check(invited)
  const outside = yield* Outside
  // An invite that is there already is made again.
  if (outside.standingOf(invited, roomId) === undefined && !outside.mayBeInvited(invited, origin)) {
    return yield* forbidden(`too many invites of ${invited}, or of ${origin}, are open`)
  }
  const signed = yield* readOwn(yield* coSignAsSelf(event.pdu, room.version), room.version)
  yield* noteInvite(room, signed, roomState, origin)
  return { event: signed.pdu }
})

/** In a room that this server is in, the invite comes once more as an event of the room. */
const noteInvite = Effect.fnUntraced(function* (
  room: Room,
  { stateKey = "", pdu }: Event,
  roomState: readonly JsonObject[],
  via: string,
) {
  const rooms = yield* Rooms
  const outside = yield* Outside
  const { serverName } = yield* ServerIdentity
  const held = rooms.find(room.roomId)?.dag
  if (held !== undefined && joinedServersIn(held, held.currentState()).has(serverName)) return
  yield* outside.stand(stateKey, room.roomId, {
    membership: "invite",
    roomVersion: room.version.id,
    pdu,
    roomState,
    via,
  })
})

/** What makes the event unfit, each M_INVALID_PARAM. */
const readInvite = Effect.fnUntraced(function* (
  room: Room,
  origin: string,
  eventId: string,
  pdu: JsonObject,
) {
  const { serverName } = yield* ServerIdentity
  const event = yield* readSent(pdu, room)
  if (event.eventId !== eventId) return yield* invalidParameter("the event's id is not that of the path")
  if (event.type !== "m.room.member" || event.content.membership !== "invite") {
    return yield* invalidParameter("the event is not an invite")
  }
  if (domainOf(event.sender) !== origin)
    return yield* invalidParameter("the sender is not of the asking server")
  if (domainOf(event.stateKey ?? "") !== serverName) {
    return yield* invalidParameter(`the target is not of ${serverName}`)
  }
  const [vetted] = yield* vetEvents(room, [event])
  if (vetted === undefined || "problem" in vetted) {
    return yield* invalidParameter(vetted?.problem ?? "the event is not verified")
  }
  return vetted.event
})

/** What v1 of the endpoint is sent: the event alone, of a room of version 1 or 2, whose events are alike. */
export const inviteOfV1 = (event: JsonObject): ReceivedInvite => {
  const roomState = isJsonObject(event.unsigned) ? event.unsigned.invite_room_state : undefined
  return {
    roomVersion: undefined,
    event,
    roomState: isJsonArray(roomState) ? roomState.filter(isJsonObject) : undefined,
  }
}
