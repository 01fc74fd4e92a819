/** Client-server API §Push Rules: API. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { AnyJson, AnyJsonObject, answerBody, requestBody } from "../../federation/json-body.ts"
import { ClientEndpoint, LoggedIn } from "../client-endpoint.ts"

const { String, Boolean } = Schema
const empty = answerBody(Schema.Struct({}))
const params = { kind: String, ruleId: String }
const root = "/_matrix/client/v3/pushrules"
const rule = `${root}/global/:kind/:ruleId` as const

/** What users want to be told of. */
export class PushRulesApi extends HttpApiGroup.make("pushRules")
  .add(
    HttpApiEndpoint.get("all", `${root}/`, { success: answerBody(Schema.Struct({ global: AnyJsonObject })) }),
    HttpApiEndpoint.get("global", `${root}/global/`, { success: answerBody(AnyJsonObject) }),
    HttpApiEndpoint.get("get", rule, { params, success: answerBody(AnyJsonObject) }),
    HttpApiEndpoint.put("put", rule, {
      params,
      query: { before: Schema.optionalKey(String), after: Schema.optionalKey(String) },
      payload: requestBody(AnyJsonObject),
      success: empty,
    }),
    HttpApiEndpoint.delete("remove", rule, { params, success: empty }),
    HttpApiEndpoint.get("isEnabled", `${rule}/enabled`, {
      params,
      success: answerBody(Schema.Struct({ enabled: Boolean })),
    }),
    HttpApiEndpoint.put("enable", `${rule}/enabled`, {
      params,
      payload: requestBody(Schema.Struct({ enabled: Boolean })),
      success: empty,
    }),
    HttpApiEndpoint.get("actions", `${rule}/actions`, {
      params,
      success: answerBody(Schema.Struct({ actions: AnyJson })),
    }),
    HttpApiEndpoint.put("act", `${rule}/actions`, {
      params,
      payload: requestBody(Schema.Struct({ actions: Schema.Array(AnyJson) })),
      success: empty,
    }),
  )
  .middleware(LoggedIn)
  .middleware(ClientEndpoint) {}
