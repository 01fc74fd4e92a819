/** Client-server API §Profiles. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { AnyJsonObject, jsonBody } from "../../federation/json-body.ts"
import { ClientEndpoint, LoggedIn, requestBody } from "../client-endpoint.ts"

const { String } = Schema
const empty = jsonBody(Schema.Struct({}))
const profile = "/_matrix/client/v3/profile/:userId"
const field = { userId: String, field: String }

/** What is told of users: to whoever asks. */
export class ProfilesApi extends HttpApiGroup.make("profiles")
  .add(
    HttpApiEndpoint.get("profile", profile, {
      params: { userId: String },
      success: jsonBody(AnyJsonObject),
    }),
    HttpApiEndpoint.get("field", `${profile}/:field`, { params: field, success: jsonBody(AnyJsonObject) }),
  )
  .middleware(ClientEndpoint) {}

/** What users say of themselves. */
export class OwnProfileApi extends HttpApiGroup.make("ownProfile")
  .add(
    HttpApiEndpoint.put("setField", `${profile}/:field`, {
      params: field,
      payload: requestBody(AnyJsonObject),
      success: empty,
    }),
    HttpApiEndpoint.delete("removeField", `${profile}/:field`, { params: field, success: empty }),
  )
  .middleware(LoggedIn)
  .middleware(ClientEndpoint) {}
