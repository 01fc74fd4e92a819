/** Server-server API §Server implementation. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { answerBody } from "../json-body.ts"
import { AnswerWithin, MatrixEndpoint } from "../matrix-endpoint.ts"

/** `GET /_matrix/federation/v1/version`: what software this is. */
export class DiscoveryApi extends HttpApiGroup.make("discovery")
  .add(
    HttpApiEndpoint.get("version", "/_matrix/federation/v1/version", {
      success: answerBody(
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
  .middleware(MatrixEndpoint) {}
