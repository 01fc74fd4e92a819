/** Server-server API §Joining Rooms, §Inviting to a room, §Leaving Rooms, §Knocking upon a room. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { Authentication } from "../authentication.ts"
import { AnyJsonObject, jsonBody } from "../json-body.ts"
import { AnswerBytesMax, AnswerWithin, MatrixEndpoint, wholeRoomBytesMax } from "../matrix-endpoint.ts"
import { PathIdentifier, Repeated } from "../parameters.ts"

/** An event to be completed and signed; without a `room_version` the room is of version 1 or 2. */
export const EventTemplate = Schema.Struct({
  room_version: Schema.optionalKey(Schema.String),
  event: AnyJsonObject,
})

/**
 * The room as it was before the join, and the join as the resident server signed it. The keys stand in canonical order: so
 * thousands of events are written as they stand.
 */
export const JoinedRoom = Schema.Struct({
  auth_chain: Schema.Array(AnyJsonObject),
  event: Schema.optionalKey(AnyJsonObject),
  members_omitted: Schema.optionalKey(Schema.Boolean),
  origin: Schema.optionalKey(Schema.String),
  servers_in_room: Schema.optionalKey(Schema.Array(Schema.String)),
  state: Schema.Array(AnyJsonObject),
})

const empty = Schema.Struct({})
const membership = {
  params: { roomId: PathIdentifier, userId: PathIdentifier },
  success: jsonBody(EventTemplate),
}
const event = {
  params: { roomId: PathIdentifier, eventId: PathIdentifier },
  payload: jsonBody(AnyJsonObject),
}

/** An invite with the room's version, and what the room is. */
export const Invite = Schema.Struct({
  room_version: Schema.String,
  event: AnyJsonObject,
  invite_room_state: Schema.optionalKey(Schema.Array(AnyJsonObject)),
})

/** How the first versions of these endpoints answered: the status once more, and then the body. */
const asPair = <S extends Schema.Top>(body: S) => jsonBody(Schema.Tuple([Schema.Literal(200), body]))

/** The handshakes by which users of servers outside a room join, leave, knock, and are invited. */
export class RoomsApi extends HttpApiGroup.make("rooms")
  .add(
    HttpApiEndpoint.get("makeJoin", "/_matrix/federation/v1/make_join/:roomId/:userId", {
      params: { roomId: PathIdentifier, userId: PathIdentifier },
      query: { ver: Schema.optionalKey(Repeated) },
      success: jsonBody(EventTemplate),
    }),
    HttpApiEndpoint.put("sendJoin", "/_matrix/federation/v2/send_join/:roomId/:eventId", {
      params: { roomId: PathIdentifier, eventId: PathIdentifier },
      query: { omit_members: Schema.optionalKey(Schema.Boolean) },
      payload: jsonBody(AnyJsonObject),
      success: jsonBody(JoinedRoom),
    })
      .annotate(AnswerWithin, "2 minutes")
      .annotate(AnswerBytesMax, wholeRoomBytesMax),
    HttpApiEndpoint.get("makeLeave", "/_matrix/federation/v1/make_leave/:roomId/:userId", membership),
    HttpApiEndpoint.put("sendLeave", "/_matrix/federation/v2/send_leave/:roomId/:eventId", {
      ...event,
      success: jsonBody(empty),
    }),
    HttpApiEndpoint.get("makeKnock", "/_matrix/federation/v1/make_knock/:roomId/:userId", {
      ...membership,
      query: { ver: Repeated },
    }),
    HttpApiEndpoint.put("sendKnock", "/_matrix/federation/v1/send_knock/:roomId/:eventId", {
      ...event,
      success: jsonBody(Schema.Struct({ knock_room_state: Schema.Array(AnyJsonObject) })),
    }),
    HttpApiEndpoint.put("invite", "/_matrix/federation/v2/invite/:roomId/:eventId", {
      params: { roomId: PathIdentifier, eventId: PathIdentifier },
      payload: jsonBody(Invite),
      success: jsonBody(Schema.Struct({ event: AnyJsonObject })),
    }),
    // For rooms of versions 1 and 2: the body is the event, with `unsigned.invite_room_state`.
    HttpApiEndpoint.put("inviteV1", "/_matrix/federation/v1/invite/:roomId/:eventId", {
      ...event,
      success: asPair(Schema.Struct({ event: AnyJsonObject })),
    }),
    // Removed in v1.18 of the specification.
    HttpApiEndpoint.put("sendJoinV1", "/_matrix/federation/v1/send_join/:roomId/:eventId", {
      ...event,
      success: asPair(JoinedRoom),
    }).annotate(AnswerBytesMax, wholeRoomBytesMax),
    HttpApiEndpoint.put("sendLeaveV1", "/_matrix/federation/v1/send_leave/:roomId/:eventId", {
      ...event,
      success: asPair(empty),
    }),
  )
  .middleware(Authentication)
  .middleware(MatrixEndpoint) {}
