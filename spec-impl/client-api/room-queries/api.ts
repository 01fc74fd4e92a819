/** Client-server API §Querying hierarchies and §GET …/timestamp_to_event. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { AnyJsonInteger, AnyJsonObject, jsonBody } from "../../federation/json-body.ts"
import { ClientEndpoint, LoggedIn } from "../client-endpoint.ts"

const { String, Boolean, Int } = Schema
const optional = Schema.optionalKey
const room = "/_matrix/client/v1/rooms/:roomId"

/** Questions about rooms for which other servers are asked as well. */
export class RoomQueriesApi extends HttpApiGroup.make("roomQueries")
  .add(
    HttpApiEndpoint.get("hierarchy", `${room}/hierarchy`, {
      params: { roomId: String },
      query: {
        suggested_only: optional(Boolean),
        limit: optional(Int),
        max_depth: optional(Int),
        from: optional(String),
      },
      success: jsonBody(Schema.Struct({ rooms: Schema.Array(AnyJsonObject), next_batch: optional(String) })),
    }),
    HttpApiEndpoint.get("timestampToEvent", `${room}/timestamp_to_event`, {
      params: { roomId: String },
      query: { ts: Int, dir: Schema.Literals(["f", "b"]) },
      success: jsonBody(Schema.Struct({ event_id: String, origin_server_ts: AnyJsonInteger })),
    }),
  )
  .middleware(LoggedIn)
  .middleware(ClientEndpoint) {}
