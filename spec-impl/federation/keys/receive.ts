/** Server-server API §Retrieving server keys: the receiving half. */
import { Effect } from "effect"
import { isServerName } from "../../core/identifiers.ts"
import { serversPerQueryMax } from "../../homeserver/key-fetching.ts"
import { KeyRing } from "../../homeserver/key-ring.ts"
import { chapter } from "../chapter.ts"
import { ifLegacy } from "../legacy.ts"

/** The latest time for which any of the keys is wanted, of which a stranger may name more than a call has arguments. */
const latestWanted = (
  keys: Readonly<Record<string, { readonly minimum_valid_until_ts?: number | bigint }>>,
): number =>
  Object.values(keys).reduce((latest, key) => Math.max(latest, Number(key.minimum_valid_until_ts ?? 0)), 0)

/** Answers with the keys that the key ring publishes. */
export const KeysReceive = chapter(
  "keys",
  Effect.fnUntraced(function* (handlers) {
    const keyRing = yield* KeyRing
    // More servers are not looked up for one question.
    const answer = (
      wanted: readonly (readonly [server: string, validUntilTsMin: number | bigint | undefined])[],
    ) =>
      Effect.map(
        Effect.forEach(
          wanted.filter(([server]) => isServerName(server)).slice(0, serversPerQueryMax),
          ([server, validUntilTsMin]) => keyRing.vouchedKeys(server, Number(validUntilTsMin ?? 0)),
          { concurrency: 8 },
        ),
        (objects) => ({ server_keys: objects.flat() }),
      )
    return handlers
      .handle("serverKeys", () => keyRing.published)
      .handle("serverKeysById", () => ifLegacy(keyRing.published))
      .handle("queryKeys", ({ params, query }) => answer([[params.serverName, query.minimum_valid_until_ts]]))
      .handle("queryKeysById", ({ params, query }) =>
        ifLegacy(answer([[params.serverName, query.minimum_valid_until_ts]])),
      )
      .handle("queryManyKeys", ({ payload }) =>
        answer(Object.entries(payload.server_keys).map(([server, keys]) => [server, latestWanted(keys)])),
      )
  }),
)
