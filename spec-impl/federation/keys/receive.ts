/** Server-server API §Retrieving server keys: the receiving half. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { KeyRing } from "../../homeserver/key-ring.ts"
import { FederationApi } from "../api.ts"

/** Answers with the keys that the key ring publishes. */
export const KeysReceive = HttpApiBuilder.group(
  FederationApi,
  "keys",
  Effect.fnUntraced(function* (handlers) {
    const keyRing = yield* KeyRing
    return handlers
      .handle("serverKeys", () => keyRing.published)
      .handle("serverKeysById", () => keyRing.published)
  }),
)
