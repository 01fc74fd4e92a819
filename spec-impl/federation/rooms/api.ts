/** Server-server API §Joining Rooms. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { Authentication } from "../authentication.ts"
import { AnyJsonObject, answerBody, requestBody } from "../json-body.ts"
import { AnswerWithin, MatrixEndpoint } from "../matrix-endpoint.ts"
import { PathIdentifier, Repeated } from "../parameters.ts"

/** An event to be completed and signed; without a `room_version` the room is of version 1 or 2. */
export const EventTemplate = Schema.Struct({
  room_version: Schema.optionalKey(Schema.String),
  event: AnyJsonObject,
})

/** The room as it was before the join, and the join as the resident server signed it. */
export const JoinedRoom = Schema.Struct({
  origin: Schema.optionalKey(Schema.String),
  state: Schema.Array(AnyJsonObject),
  auth_chain: Schema.Array(AnyJsonObject),
  event: Schema.optionalKey(AnyJsonObject),
  members_omitted: Schema.optionalKey(Schema.Boolean),
  servers_in_room: Schema.optionalKey(Schema.Array(Schema.String)),
})

/** `make_join` and `send_join`. */
export class RoomsApi extends HttpApiGroup.make("rooms")
  .add(
    HttpApiEndpoint.get("makeJoin", "/_matrix/federation/v1/make_join/:roomId/:userId", {
      params: { roomId: PathIdentifier, userId: PathIdentifier },
      query: { ver: Schema.optionalKey(Repeated) },
      success: answerBody(EventTemplate),
    }),
    HttpApiEndpoint.put("sendJoin", "/_matrix/federation/v2/send_join/:roomId/:eventId", {
      params: { roomId: PathIdentifier, eventId: PathIdentifier },
      query: { omit_members: Schema.optionalKey(Schema.Boolean) },
      payload: requestBody(AnyJsonObject),
      success: answerBody(JoinedRoom),
    }).annotate(AnswerWithin, "2 minutes"),
  )
  .middleware(Authentication)
  .middleware(MatrixEndpoint) {}
