/** Client-server API §Client Config and §Room Tagging. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { AnyJsonObject, jsonBody } from "../../federation/json-body.ts"
import { ClientEndpoint, LoggedIn, requestBody } from "../client-endpoint.ts"

const { String } = Schema
const empty = jsonBody(Schema.Struct({}))
const user = "/_matrix/client/v3/user/:userId"
const ofUser = { userId: String, type: String }
const ofRoom = { userId: String, roomId: String, type: String }
const ofTag = { userId: String, roomId: String, tag: String }

/** What clients keep for their user. */
export class AccountDataApi extends HttpApiGroup.make("accountData")
  .add(
    HttpApiEndpoint.get("get", `${user}/account_data/:type`, {
      params: ofUser,
      success: jsonBody(AnyJsonObject),
    }),
    HttpApiEndpoint.put("set", `${user}/account_data/:type`, {
      params: ofUser,
      payload: requestBody(AnyJsonObject),
      success: empty,
    }),
    HttpApiEndpoint.get("getOfRoom", `${user}/rooms/:roomId/account_data/:type`, {
      params: ofRoom,
      success: jsonBody(AnyJsonObject),
    }),
    HttpApiEndpoint.put("setOfRoom", `${user}/rooms/:roomId/account_data/:type`, {
      params: ofRoom,
      payload: requestBody(AnyJsonObject),
      success: empty,
    }),
    HttpApiEndpoint.get("tags", `${user}/rooms/:roomId/tags`, {
      params: { userId: String, roomId: String },
      success: jsonBody(Schema.Struct({ tags: AnyJsonObject })),
    }),
    HttpApiEndpoint.put("addTag", `${user}/rooms/:roomId/tags/:tag`, {
      params: ofTag,
      payload: requestBody(AnyJsonObject),
      success: empty,
    }),
    HttpApiEndpoint.delete("removeTag", `${user}/rooms/:roomId/tags/:tag`, { params: ofTag, success: empty }),
  )
  .middleware(LoggedIn)
  .middleware(ClientEndpoint) {}
