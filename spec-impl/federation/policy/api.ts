/** Server-server API §Policy Servers. */
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { Authentication } from "../authentication.ts"
import { AnyJsonObject, jsonBody } from "../json-body.ts"
import { MatrixEndpoint } from "../matrix-endpoint.ts"

/** `POST /_matrix/policy/v1/sign`: whether an event is recommended for its room, which a signature says. */
export class PolicyApi extends HttpApiGroup.make("policy")
  .add(
    HttpApiEndpoint.post("sign", "/_matrix/policy/v1/sign", {
      payload: jsonBody(AnyJsonObject),
      // `{<policy server>: {"ed25519:policy_server": <signature>}}`
      success: jsonBody(AnyJsonObject),
    }),
  )
  .middleware(Authentication)
  .middleware(MatrixEndpoint) {}
