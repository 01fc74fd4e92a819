/** Server-server API §Server implementation: the receiving half. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import packageJson from "../../../package.json" with { type: "json" }
import { FederationApi } from "../api.ts"

/** Answers with the name and version of this software. */
export const DiscoveryReceive = HttpApiBuilder.group(FederationApi, "discovery", (handlers) =>
  handlers.handle("version", () =>
    Effect.succeed({ server: { name: packageJson.name, version: packageJson.version } }),
  ),
)
