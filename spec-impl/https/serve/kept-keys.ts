import { Effect } from "effect"
import { canonicalJsonBytes } from "../../core/json/encode.ts"
import type { JsonObject } from "../../core/json/value.ts"
import type { WireHandler, WireResponse } from "../../federation/wire.ts"
import type { KeyRing } from "../../homeserver/key-ring.ts"

/**
 * `handler`, but for the keys of this server, which every server asks for: their bytes are kept for as long as they are
 * the same, and cost no way through the routes.
 */
export const withKeptKeys = (handler: WireHandler, { published }: KeyRing["Service"]): WireHandler => {
  let keptOf: JsonObject | undefined
  let kept: WireResponse | undefined
  const answer = Effect.map(published, (keys) => {
    if (kept === undefined || keptOf !== keys) {
      keptOf = keys
      kept = {
        status: 200,
        headers: { "content-type": "application/json" },
        body: canonicalJsonBytes(keys),
      }
    }
    return kept
  })
  return (request) =>
    request.target === "/_matrix/key/v2/server" && request.method === "GET" ? answer : handler(request)
}
