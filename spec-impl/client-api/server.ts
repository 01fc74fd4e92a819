/** The routes of a homeserver for clients, from the API and the handlers of its chapters. */
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { unsupportedBy } from "../federation/unsupported.ts"
import { layerLoggedIn } from "./accounts/authenticate.ts"
import { ClientApi } from "./api.ts"
import { layerClientChapters } from "./chapters.ts"
import { ClientEndpoint } from "./client-endpoint.ts"

/** §Web Browser Clients: what is recommended for all answers. */
const corsHeaders = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "GET, POST, PUT, DELETE, OPTIONS",
  "access-control-allow-headers": "X-Requested-With, Content-Type, Authorization",
}

const unsupported = unsupportedBy(ClientApi)

/** §Web Browser Clients: every answer may be read by pages of any origin, and OPTIONS does nothing anywhere. */
const global = HttpRouter.middleware(
  (routes) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ method }) =>
      Effect.map(
        method === "OPTIONS" ? Effect.succeed(HttpServerResponse.empty()) : unsupported(routes),
        HttpServerResponse.setHeaders(corsHeaders),
      ),
    ),
  { global: true },
)

/** All routes for clients: those of the API, and an error for all others. */
export const clientRoutes = Layer.mergeAll(HttpApiBuilder.layer(ClientApi), global).pipe(
  Layer.provide(layerClientChapters),
  Layer.provide([ClientEndpoint.layer, layerLoggedIn]),
)
