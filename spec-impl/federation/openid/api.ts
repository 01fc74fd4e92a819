/** Server-server API §OpenID. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { jsonBody } from "../json-body.ts"
import { MatrixEndpoint } from "../matrix-endpoint.ts"

/** `GET /_matrix/federation/v1/openid/userinfo`: whose token it is. Whoever has the token may ask. */
export class OpenIdApi extends HttpApiGroup.make("openid")
  .add(
    HttpApiEndpoint.get("userInfo", "/_matrix/federation/v1/openid/userinfo", {
      query: { access_token: Schema.optionalKey(Schema.String) },
      success: jsonBody(Schema.Struct({ sub: Schema.String })),
    }),
  )
  .middleware(MatrixEndpoint) {}
