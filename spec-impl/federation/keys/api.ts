/** Server-server API §Retrieving server keys. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { AnyJsonInteger, AnyJsonObject, jsonBody } from "../json-body.ts"
import { AnswerWithin, MatrixEndpoint } from "../matrix-endpoint.ts"
import { PathIdentifier } from "../parameters.ts"

/** Keys of any servers: each object as its server published it, signed by whoever answers as well. */
export const ManyServerKeys = Schema.Struct({ server_keys: Schema.Array(AnyJsonObject) })

/** Which keys are wanted, and until when they must be good at least; no key ids mean all keys. */
export const WantedKeys = Schema.Struct({
  server_keys: Schema.Record(
    Schema.String,
    Schema.Record(
      Schema.String,
      Schema.Struct({ minimum_valid_until_ts: Schema.optionalKey(AnyJsonInteger) }),
    ),
  ),
})

const query = { minimum_valid_until_ts: Schema.optionalKey(Schema.Int) }

/** A server's own keys, signed by each of them. Untyped: signatures cover whatever stands in it. */
export class KeysApi extends HttpApiGroup.make("keys")
  .add(
    HttpApiEndpoint.get("serverKeys", "/_matrix/key/v2/server", { success: jsonBody(AnyJsonObject) }),
    // Removed in v1.6 of the specification; the key id never chose between answers.
    HttpApiEndpoint.get("serverKeysById", "/_matrix/key/v2/server/:keyId", {
      params: { keyId: PathIdentifier },
      success: jsonBody(AnyJsonObject),
    }),
    HttpApiEndpoint.get("queryKeys", "/_matrix/key/v2/query/:serverName", {
      params: { serverName: PathIdentifier },
      query,
      success: jsonBody(ManyServerKeys),
    }),
    // Removed in v1.6 as well.
    HttpApiEndpoint.get("queryKeysById", "/_matrix/key/v2/query/:serverName/:keyId", {
      params: { serverName: PathIdentifier, keyId: PathIdentifier },
      query,
      success: jsonBody(ManyServerKeys),
    }),
    HttpApiEndpoint.post("queryManyKeys", "/_matrix/key/v2/query", {
      payload: jsonBody(WantedKeys),
      success: jsonBody(ManyServerKeys),
    }),
  )
  .annotateEndpoints(AnswerWithin, "10 seconds")
  .middleware(MatrixEndpoint) {}
