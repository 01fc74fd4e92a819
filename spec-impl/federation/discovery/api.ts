/** Server-server API §Server implementation. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { jsonBody } from "../json-body.ts"
import { AnswerWithin, MatrixEndpoint } from "../matrix-endpoint.ts"

/**
 * `GET /_matrix/federation/v1/version`: what software this is. `GET /.well-known/matrix/server`: where this server
 * is; others fetch it from port 443 of the host in the server's name, before they know where to send the rest.
 * `GET /.well-known/matrix/policy_server`: by which key it recommends events (client-server API §Policy servers).
 */
export class DiscoveryApi extends HttpApiGroup.make("discovery")
  .add(
    HttpApiEndpoint.get("version", "/_matrix/federation/v1/version", {
      success: jsonBody(
        Schema.Struct({
          server: Schema.optionalKey(
            Schema.Struct({
              name: Schema.optionalKey(Schema.String),
              version: Schema.optionalKey(Schema.String),
            }),
          ),
        }),
      ),
    }).annotate(AnswerWithin, "10 seconds"),
  )
  .add(
    HttpApiEndpoint.get("wellKnown", "/.well-known/matrix/server", {
      success: jsonBody(Schema.Struct({ "m.server": Schema.String })),
    }).annotate(AnswerWithin, "10 seconds"),
  )
  .add(
    HttpApiEndpoint.get("policyServer", "/.well-known/matrix/policy_server", {
      success: jsonBody(Schema.Struct({ public_keys: Schema.Record(Schema.String, Schema.String) })),
    }).annotate(AnswerWithin, "10 seconds"),
  )
  .middleware(MatrixEndpoint) {}
