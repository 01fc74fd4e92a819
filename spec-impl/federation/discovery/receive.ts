/** Server-server API §Server implementation and §Resolving server names: the receiving half. */
import { Effect } from "effect"
import packageJson from "../../../package.json" with { type: "json" }
import { encodeBase64 } from "../../core/base64.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { Settings } from "../../homeserver/settings.ts"
import { chapter } from "../chapter.ts"
import { notFound } from "../matrix-error.ts"

/** Answers with the name and version of this software, and with what it delegates to and the key that it recommends by, if any. */
export const DiscoveryReceive = chapter(
  "discovery",
  Effect.fnUntraced(function* (handlers) {
    const { delegatedTo, policy } = yield* Settings
    const { policyServerKey } = yield* ServerIdentity
    return handlers
      .handle("version", () =>
        Effect.succeed({ server: { name: packageJson.name, version: packageJson.version } }),
      )
      .handle("wellKnown", () =>
        delegatedTo === undefined
          ? Effect.fail(notFound("this server does not delegate"))
          : Effect.succeed({ "m.server": delegatedTo }),
      )
      .handle("policyServer", () =>
        policy === undefined || policyServerKey === undefined
          ? Effect.fail(notFound("this server is no policy server"))
          : Effect.succeed({ public_keys: { ed25519: encodeBase64(policyServerKey.publicKey) } }),
      )
  }),
)
