/** Server-server API §Querying for information. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { Authentication } from "../authentication.ts"
import { AnyJsonObject, jsonBody } from "../json-body.ts"
import { MatrixEndpoint } from "../matrix-endpoint.ts"
import { PathIdentifier } from "../parameters.ts"

/** What a server knows of its users and its rooms' names. */
export class QueriesApi extends HttpApiGroup.make("queries")
  .add(
    HttpApiEndpoint.get("directory", "/_matrix/federation/v1/query/directory", {
      query: { room_alias: Schema.String },
      success: jsonBody(Schema.Struct({ room_id: Schema.String, servers: Schema.Array(Schema.String) })),
    }),
    HttpApiEndpoint.get("profile", "/_matrix/federation/v1/query/profile", {
      query: { user_id: Schema.String, field: Schema.optionalKey(Schema.String) },
      // By field: `displayname`, `avatar_url`, `m.tz` and whatever else a user says of itself.
      success: jsonBody(AnyJsonObject),
    }),
    HttpApiEndpoint.get("query", "/_matrix/federation/v1/query/:queryType", {
      params: { queryType: PathIdentifier },
      success: jsonBody(AnyJsonObject),
    }),
  )
  .middleware(Authentication)
  .middleware(MatrixEndpoint) {}
