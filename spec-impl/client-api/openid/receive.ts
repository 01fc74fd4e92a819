/** Client-server API §OpenID: the receiving half. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { OpenIdTokens } from "../../federation/openid/tokens.ts"
import { acted } from "../acted.ts"
import { ClientApi } from "../api.ts"
import { ownId } from "../own.ts"

export const OpenIdReceive = HttpApiBuilder.group(
  ClientApi,
  "openid",
  Effect.fnUntraced(function* (handlers) {
    const tokens = yield* OpenIdTokens
    return handlers.handle(
      "requestToken",
      Effect.fnUntraced(function* ({ params: { userId } }) {
        yield* ownId(userId)
        const { accessToken, serverName, expiresInMs } = yield* acted(tokens.make(userId))
        return {
          access_token: accessToken,
          token_type: "Bearer",
          matrix_server_name: serverName,
          expires_in: expiresInMs / 1_000,
        }
      }),
    )
  }),
)
