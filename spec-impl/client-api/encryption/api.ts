/** Client-server API §Send-to-Device messaging and §Key management API. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { AnyJsonObject, jsonBody } from "../../federation/json-body.ts"
import { ClientEndpoint, LoggedIn, optionalBody, requestBody } from "../client-endpoint.ts"

const { String, Int, Record } = Schema
const optional = Schema.optionalKey
const Strings = Schema.Array(String)
const client = "/_matrix/client/v3"

/** The keys of devices and users, and what devices send each other. */
export class EncryptionApi extends HttpApiGroup.make("encryption")
  .add(
    HttpApiEndpoint.put("sendToDevice", `${client}/sendToDevice/:eventType/:transactionId`, {
      params: { eventType: String, transactionId: String },
      payload: requestBody(Schema.Struct({ messages: AnyJsonObject })),
      success: jsonBody(Schema.Struct({})),
    }),
    HttpApiEndpoint.post("uploadKeys", `${client}/keys/upload`, {
      payload: optionalBody(
        Schema.Struct({
          device_keys: optional(AnyJsonObject),
          one_time_keys: optional(AnyJsonObject),
          fallback_keys: optional(AnyJsonObject),
        }),
      ),
      success: jsonBody(Schema.Struct({ one_time_key_counts: Record(String, Int) })),
    }),
    HttpApiEndpoint.post("queryKeys", `${client}/keys/query`, {
      payload: requestBody(Schema.Struct({ timeout: optional(Int), device_keys: Record(String, Strings) })),
      success: jsonBody(AnyJsonObject),
    }),
    HttpApiEndpoint.post("claimKeys", `${client}/keys/claim`, {
      payload: requestBody(
        Schema.Struct({
          timeout: optional(Int),
          one_time_keys: Record(String, Record(String, String)),
        }),
      ),
      success: jsonBody(AnyJsonObject),
    }),
    HttpApiEndpoint.get("keyChanges", `${client}/keys/changes`, {
      query: { from: String, to: String },
      success: jsonBody(Schema.Struct({ changed: Strings, left: Strings })),
    }),
    HttpApiEndpoint.post("uploadSigningKeys", `${client}/keys/device_signing/upload`, {
      payload: optionalBody(
        Schema.Struct({
          auth: optional(AnyJsonObject),
          master_key: optional(AnyJsonObject),
          self_signing_key: optional(AnyJsonObject),
          user_signing_key: optional(AnyJsonObject),
        }),
      ),
      success: jsonBody(Schema.Struct({})),
    }),
    HttpApiEndpoint.post("uploadSignatures", `${client}/keys/signatures/upload`, {
      payload: requestBody(AnyJsonObject),
      success: jsonBody(Schema.Struct({ failures: AnyJsonObject })),
    }),
  )
  .middleware(LoggedIn)
  .middleware(ClientEndpoint) {}
