/** Client-server API §OpenID. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { jsonBody } from "../../federation/json-body.ts"
import { ClientEndpoint, LoggedIn, optionalBody } from "../client-endpoint.ts"

const { String, Int } = Schema

/** How users prove to others who they are. */
export class OpenIdApi extends HttpApiGroup.make("openid")
  .add(
    HttpApiEndpoint.post("requestToken", "/_matrix/client/v3/user/:userId/openid/request_token", {
      params: { userId: String },
      payload: optionalBody(Schema.Struct({})),
      success: jsonBody(
        Schema.Struct({
          access_token: String,
          token_type: String,
          matrix_server_name: String,
          expires_in: Int,
        }),
      ),
    }),
  )
  .middleware(LoggedIn)
  .middleware(ClientEndpoint) {}
