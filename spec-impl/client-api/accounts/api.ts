/** Client-server API §Legacy API: registration, login and logout; §Account management. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { AnyJsonObject, jsonBody } from "../../federation/json-body.ts"
import { ClientEndpoint, LoggedIn, optionalBody, requestBody } from "../client-endpoint.ts"

const optional = Schema.optionalKey
const { String, Boolean } = Schema

/** What a login or a registration gives. */
export const LoggedInAnswer = Schema.Struct({
  user_id: String,
  access_token: optional(String),
  device_id: optional(String),
  home_server: optional(String),
})

export const Registration = Schema.Struct({
  auth: optional(AnyJsonObject),
  username: optional(String),
  password: optional(String),
  device_id: optional(String),
  initial_device_display_name: optional(String),
  inhibit_login: optional(Boolean),
})

export const Login = Schema.Struct({
  type: String,
  identifier: optional(AnyJsonObject),
  user: optional(String),
  password: optional(String),
  device_id: optional(String),
  initial_device_display_name: optional(String),
})

/** How users come to be, and come in. */
export class AccountsApi extends HttpApiGroup.make("accounts")
  .add(
    HttpApiEndpoint.post("register", "/_matrix/client/v3/register", {
      query: { kind: optional(String) },
      payload: optionalBody(Registration),
      success: jsonBody(LoggedInAnswer),
    }),
    HttpApiEndpoint.get("available", "/_matrix/client/v3/register/available", {
      query: { username: String },
      success: jsonBody(Schema.Struct({ available: Boolean })),
    }),
    HttpApiEndpoint.get("loginFlows", "/_matrix/client/v3/login", {
      success: jsonBody(Schema.Struct({ flows: Schema.Array(AnyJsonObject) })),
    }),
    HttpApiEndpoint.post("login", "/_matrix/client/v3/login", {
      payload: requestBody(Login),
      success: jsonBody(LoggedInAnswer),
    }),
  )
  .middleware(ClientEndpoint) {}

const empty = Schema.Struct({})

/** What users who are logged in do with that. */
export class SessionsApi extends HttpApiGroup.make("sessions")
  .add(
    HttpApiEndpoint.get("whoami", "/_matrix/client/v3/account/whoami", {
      success: jsonBody(Schema.Struct({ user_id: String, device_id: String, is_guest: Boolean })),
    }),
    HttpApiEndpoint.post("logout", "/_matrix/client/v3/logout", { success: jsonBody(empty) }),
    HttpApiEndpoint.post("logoutAll", "/_matrix/client/v3/logout/all", { success: jsonBody(empty) }),
  )
  .middleware(LoggedIn)
  .middleware(ClientEndpoint) {}
