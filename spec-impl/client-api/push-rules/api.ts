/** Client-server API §Push Rules: API. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { AnyJson, AnyJsonObject, jsonBody } from "../../federation/json-body.ts"
import { ClientEndpoint, LoggedIn, requestBody } from "../client-endpoint.ts"

const { String, Boolean } = Schema
const empty = jsonBody(Schema.Struct({}))
const params = { kind: String, ruleId: String }
const root = "/_matrix/client/v3/pushrules"
const rule = `${root}/global/:kind/:ruleId` as const

/** What users want to be told of. */
export class PushRulesApi extends HttpApiGroup.make("pushRules")
  .add(
    HttpApiEndpoint.get("all", `${root}/`, { success: jsonBody(Schema.Struct({ global: AnyJsonObject })) }),
    HttpApiEndpoint.get("global", `${root}/global/`, { success: jsonBody(AnyJsonObject) }),
    HttpApiEndpoint.get("get", rule, { params, success: jsonBody(AnyJsonObject) }),
    HttpApiEndpoint.put("put", rule, {
      params,
      query: { before: Schema.optionalKey(String), after: Schema.optionalKey(String) },
      payload: requestBody(AnyJsonObject),
      success: empty,
    }),
    HttpApiEndpoint.delete("remove", rule, { params, success: empty }),
    HttpApiEndpoint.get("isEnabled", `${rule}/enabled`, {
      params,
      success: jsonBody(Schema.Struct({ enabled: Boolean })),
    }),
    HttpApiEndpoint.put("enable", `${rule}/enabled`, {
      params,
      payload: requestBody(Schema.Struct({ enabled: Boolean })),
      success: empty,
    }),
    HttpApiEndpoint.get("actions", `${rule}/actions`, {
      params,
      success: jsonBody(Schema.Struct({ actions: AnyJson })),
    }),
    HttpApiEndpoint.put("act", `${rule}/actions`, {
      params,
      payload: requestBody(Schema.Struct({ actions: Schema.Array(AnyJson) })),
      success: empty,
    }),
  )
  .middleware(LoggedIn)
  .middleware(ClientEndpoint) {}
