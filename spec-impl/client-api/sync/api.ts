/** Client-server API §Syncing and §Filtering. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { AnyJsonObject, jsonBody } from "../../federation/json-body.ts"
import { ClientEndpoint, LoggedIn, requestBody } from "../client-endpoint.ts"

const { String, Boolean, Int } = Schema
const optional = Schema.optionalKey
const client = "/_matrix/client/v3"

/** How clients hear of what happens. */
export class SyncApi extends HttpApiGroup.make("sync")
  .add(
    HttpApiEndpoint.get("sync", `${client}/sync`, {
      query: {
        filter: optional(String),
        since: optional(String),
        full_state: optional(Boolean),
        set_presence: optional(Schema.Literals(["offline", "online", "unavailable"])),
        timeout: optional(Int),
        use_state_after: optional(Boolean),
      },
      success: jsonBody(AnyJsonObject),
    }),
    HttpApiEndpoint.post("addFilter", `${client}/user/:userId/filter`, {
      params: { userId: String },
      payload: requestBody(AnyJsonObject),
      success: jsonBody(Schema.Struct({ filter_id: String })),
    }),
    HttpApiEndpoint.get("filter", `${client}/user/:userId/filter/:filterId`, {
      params: { userId: String, filterId: String },
      success: jsonBody(AnyJsonObject),
    }),
  )
  .middleware(LoggedIn)
  .middleware(ClientEndpoint) {}
