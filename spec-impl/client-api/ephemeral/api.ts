/** Client-server API §Typing Notifications, §Receipts, §Fully read markers and §Presence. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { AnyJsonObject, jsonBody } from "../../federation/json-body.ts"
import { ClientEndpoint, LoggedIn, optionalBody, requestBody } from "../client-endpoint.ts"

const { String, Boolean, Int } = Schema
const optional = Schema.optionalKey
const empty = jsonBody(Schema.Struct({}))
const room = "/_matrix/client/v3/rooms/:roomId"

/** What users tell in passing. */
export class EphemeralApi extends HttpApiGroup.make("ephemeral")
  .add(
    HttpApiEndpoint.put("typing", `${room}/typing/:userId`, {
      params: { roomId: String, userId: String },
      payload: requestBody(Schema.Struct({ typing: Boolean, timeout: optional(Int) })),
      success: empty,
    }),
    HttpApiEndpoint.post("receipt", `${room}/receipt/:receiptType/:eventId`, {
      params: { roomId: String, receiptType: String, eventId: String },
      payload: optionalBody(AnyJsonObject),
      success: empty,
    }),
    HttpApiEndpoint.post("readMarkers", `${room}/read_markers`, {
      params: { roomId: String },
      payload: optionalBody(
        Schema.Struct({
          "m.fully_read": optional(String),
          "m.read": optional(String),
          "m.read.private": optional(String),
        }),
      ),
      success: empty,
    }),
    HttpApiEndpoint.get("presence", "/_matrix/client/v3/presence/:userId/status", {
      params: { userId: String },
      success: jsonBody(AnyJsonObject),
    }),
    HttpApiEndpoint.put("setPresence", "/_matrix/client/v3/presence/:userId/status", {
      params: { userId: String },
      payload: requestBody(
        Schema.Struct({
          presence: Schema.Literals(["online", "offline", "unavailable"]),
          status_msg: optional(Schema.NullOr(String)),
        }),
      ),
      success: empty,
    }),
  )
  .middleware(LoggedIn)
  .middleware(ClientEndpoint) {}
