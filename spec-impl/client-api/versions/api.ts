/** Client-server API §API Versions. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { jsonBody } from "../../federation/json-body.ts"
import { ClientEndpoint } from "../client-endpoint.ts"

/** Which versions of the specification clients may count on. */
export class VersionsApi extends HttpApiGroup.make("versions")
  .add(
    HttpApiEndpoint.get("versions", "/_matrix/client/versions", {
      success: jsonBody(
        Schema.Struct({
          versions: Schema.Array(Schema.String),
          unstable_features: Schema.Record(Schema.String, Schema.Boolean),
        }),
      ),
    }),
  )
  .middleware(ClientEndpoint) {}
