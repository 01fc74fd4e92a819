/** Server-server API §Retrieving server keys. */
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { AnyJsonObject, answerBody } from "../json-body.ts"
import { AnswerWithin, MatrixEndpoint } from "../matrix-endpoint.ts"
import { PathIdentifier } from "../parameters.ts"

/** A server's own keys, signed by each of them. Untyped: signatures cover whatever stands in it. */
export class KeysApi extends HttpApiGroup.make("keys")
  .add(
    HttpApiEndpoint.get("serverKeys", "/_matrix/key/v2/server", { success: answerBody(AnyJsonObject) }),
    // Removed in v1.6 of the specification; the key id never chose between answers.
    HttpApiEndpoint.get("serverKeysById", "/_matrix/key/v2/server/:keyId", {
      params: { keyId: PathIdentifier },
      success: answerBody(AnyJsonObject),
    }),
  )
  .annotateEndpoints(AnswerWithin, "10 seconds")
  .middleware(MatrixEndpoint) {}
