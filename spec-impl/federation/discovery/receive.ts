/** Server-server API §Server implementation and §Resolving server names: the receiving half. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import packageJson from "../../../package.json" with { type: "json" }
import { Settings } from "../../homeserver/settings.ts"
import { FederationApi } from "../api.ts"
import { notFound } from "../matrix-error.ts"

/** Answers with the name and version of this software, and with the name that it delegates to, if any. */
export const DiscoveryReceive = HttpApiBuilder.group(
  FederationApi,
  "discovery",
  Effect.fnUntraced(function* (handlers) {
    const { delegatedTo } = yield* Settings
    return handlers
      .handle("version", () =>
        Effect.succeed({ server: { name: packageJson.name, version: packageJson.version } }),
      )
      .handle("wellKnown", () =>
        delegatedTo === undefined
          ? Effect.fail(notFound("this server does not delegate"))
          : Effect.succeed({ "m.server": delegatedTo }),
      )
  }),
)
