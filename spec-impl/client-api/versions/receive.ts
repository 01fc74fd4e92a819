/** Client-server API §API Versions: the receiving half. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { ClientApi } from "../api.ts"

/** Since v1.1 paths say `v3`. What is served here is served as v1.19 has it; what is not answers 404 M_UNRECOGNIZED. */
const minorMax = 19
const versions = Array.from({ length: minorMax }, (_, before) => `v1.${before + 1}`)

export const VersionsReceive = HttpApiBuilder.group(ClientApi, "versions", (handlers) =>
  handlers.handle("versions", () => Effect.succeed({ versions, unstable_features: {} })),
)
