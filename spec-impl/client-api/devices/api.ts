/** Client-server API §Device Management. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { AnyJsonObject, jsonBody } from "../../federation/json-body.ts"
import { ClientEndpoint, LoggedIn, optionalBody, requestBody } from "../client-endpoint.ts"

const { String } = Schema
const optional = Schema.optionalKey
const empty = jsonBody(Schema.Struct({}))
const client = "/_matrix/client/v3"
const device = `${client}/devices/:deviceId` as const
const params = { deviceId: String }

const Device = Schema.Struct({ device_id: String, display_name: optional(String) })

/** What users do with their devices. */
export class DevicesApi extends HttpApiGroup.make("devices")
  .add(
    HttpApiEndpoint.get("all", `${client}/devices`, {
      success: jsonBody(Schema.Struct({ devices: Schema.Array(Device) })),
    }),
    HttpApiEndpoint.get("get", device, { params, success: jsonBody(Device) }),
    HttpApiEndpoint.put("rename", device, {
      params,
      payload: requestBody(Schema.Struct({ display_name: optional(Schema.NullOr(String)) })),
      success: empty,
    }),
    HttpApiEndpoint.delete("remove", device, {
      params,
      payload: optionalBody(Schema.Struct({ auth: optional(AnyJsonObject) })),
      success: empty,
    }),
    HttpApiEndpoint.post("removeSeveral", `${client}/delete_devices`, {
      payload: requestBody(Schema.Struct({ devices: Schema.Array(String), auth: optional(AnyJsonObject) })),
      success: empty,
    }),
  )
  .middleware(LoggedIn)
  .middleware(ClientEndpoint) {}
