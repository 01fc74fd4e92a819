/** Client-server API §Room membership. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { AnyJsonObject, jsonBody } from "../../federation/json-body.ts"
import { Repeated } from "../../federation/parameters.ts"
import { ClientEndpoint, LoggedIn, optionalBody, requestBody } from "../client-endpoint.ts"

const { String } = Schema
const optional = Schema.optionalKey
const client = "/_matrix/client/v3"
const empty = Schema.Struct({})
const params = { roomId: String }
const withReason = optionalBody(
  Schema.Struct({ reason: optional(String), third_party_signed: optional(AnyJsonObject) }),
)
const ofUser = requestBody(Schema.Struct({ user_id: String, reason: optional(String) }))

/** Whom to invite: a user by its id, or whoever is reached at an address (§Third-party invites). */
export const Invitation = Schema.Struct({
  user_id: optional(String),
  reason: optional(String),
  id_server: optional(String),
  id_access_token: optional(String),
  medium: optional(String),
  address: optional(String),
})

const entrance = {
  params: { roomIdOrAlias: String },
  // `server_name` is what `via` was called before v1.12.
  query: { via: optional(Repeated), server_name: optional(Repeated) },
  payload: withReason,
  success: jsonBody(Schema.Struct({ room_id: String })),
}

/** How users come into rooms, and out. */
export class MembershipsApi extends HttpApiGroup.make("memberships")
  .add(
    HttpApiEndpoint.get("joinedRooms", `${client}/joined_rooms`, {
      success: jsonBody(Schema.Struct({ joined_rooms: Schema.Array(String) })),
    }),
    HttpApiEndpoint.post("join", `${client}/join/:roomIdOrAlias`, entrance),
    HttpApiEndpoint.post("joinRoom", `${client}/rooms/:roomId/join`, {
      params,
      payload: withReason,
      success: jsonBody(Schema.Struct({ room_id: String })),
    }),
    HttpApiEndpoint.post("knock", `${client}/knock/:roomIdOrAlias`, entrance),
    HttpApiEndpoint.post("invite", `${client}/rooms/:roomId/invite`, {
      params,
      payload: requestBody(Invitation),
      success: jsonBody(empty),
    }),
    HttpApiEndpoint.post("leave", `${client}/rooms/:roomId/leave`, {
      params,
      payload: withReason,
      success: jsonBody(empty),
    }),
    HttpApiEndpoint.post("forget", `${client}/rooms/:roomId/forget`, { params, success: jsonBody(empty) }),
    HttpApiEndpoint.post("kick", `${client}/rooms/:roomId/kick`, {
      params,
      payload: ofUser,
      success: jsonBody(empty),
    }),
    HttpApiEndpoint.post("ban", `${client}/rooms/:roomId/ban`, {
      params,
      payload: ofUser,
      success: jsonBody(empty),
    }),
    HttpApiEndpoint.post("unban", `${client}/rooms/:roomId/unban`, {
      params,
      payload: ofUser,
      success: jsonBody(empty),
    }),
  )
  .middleware(LoggedIn)
  .middleware(ClientEndpoint) {}
