/** Server-server API §Spaces. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { Authentication } from "../authentication.ts"
import { AnyJsonObject, jsonBody } from "../json-body.ts"
import { MatrixEndpoint } from "../matrix-endpoint.ts"
import { PathIdentifier } from "../parameters.ts"

/** `GET /_matrix/federation/v1/hierarchy/{roomId}`: a room, and one level of what is in it. */
export class SpacesApi extends HttpApiGroup.make("spaces")
  .add(
    HttpApiEndpoint.get("hierarchy", "/_matrix/federation/v1/hierarchy/:roomId", {
      params: { roomId: PathIdentifier },
      query: { suggested_only: Schema.optionalKey(Schema.Boolean) },
      success: jsonBody(
        Schema.Struct({
          room: AnyJsonObject,
          children: Schema.Array(AnyJsonObject),
          inaccessible_children: Schema.Array(Schema.String),
        }),
      ),
    }),
  )
  .middleware(Authentication)
  .middleware(MatrixEndpoint) {}
