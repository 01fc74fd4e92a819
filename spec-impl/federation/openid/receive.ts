/** Server-server API §OpenID: the receiving half. */
import { Effect } from "effect"
import { chapter } from "../chapter.ts"
import { missingToken } from "../matrix-error.ts"
import { OpenIdTokens } from "./tokens.ts"

export const OpenIdReceive = chapter(
  "openid",
  Effect.fnUntraced(function* (handlers) {
    const tokens = yield* OpenIdTokens
    return handlers.handle("userInfo", ({ query }) =>
      query.access_token === undefined
        ? Effect.fail(missingToken("access_token is missing"))
        : Effect.map(tokens.ownerOf(query.access_token), (sub) => ({ sub })),
    )
  }),
)
