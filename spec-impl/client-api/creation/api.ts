/** Client-server API §Creation, §Room upgrades. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { AnyJsonObject, jsonBody } from "../../federation/json-body.ts"
import { ClientEndpoint, LoggedIn, requestBody } from "../client-endpoint.ts"
import { Invitation } from "../memberships/api.ts"

const { String, Boolean } = Schema
const optional = Schema.optionalKey
const list = Schema.Array

/** What a new room is to be. */
export const RoomRequest = Schema.Struct({
  visibility: optional(Schema.Literals(["public", "private"])),
  room_alias_name: optional(String),
  name: optional(String),
  topic: optional(String),
  invite: optional(list(String)),
  invite_3pid: optional(list(Invitation)),
  room_version: optional(String),
  creation_content: optional(AnyJsonObject),
  initial_state: optional(
    list(Schema.Struct({ type: String, state_key: optional(String), content: AnyJsonObject })),
  ),
  preset: optional(Schema.Literals(["private_chat", "public_chat", "trusted_private_chat"])),
  is_direct: optional(Boolean),
  power_level_content_override: optional(AnyJsonObject),
})

/** How rooms begin. */
export class CreationApi extends HttpApiGroup.make("creation")
  .add(
    HttpApiEndpoint.post("createRoom", "/_matrix/client/v3/createRoom", {
      payload: requestBody(RoomRequest),
      success: jsonBody(Schema.Struct({ room_id: String })),
    }),
    HttpApiEndpoint.post("upgrade", "/_matrix/client/v3/rooms/:roomId/upgrade", {
      params: { roomId: String },
      payload: requestBody(
        Schema.Struct({ new_version: String, additional_creators: optional(list(String)) }),
      ),
      success: jsonBody(Schema.Struct({ replacement_room: String })),
    }),
  )
  .middleware(LoggedIn)
  .middleware(ClientEndpoint) {}
