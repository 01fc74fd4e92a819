/** The receiving half: the routes of a server, from the API and the handlers of its chapters. */
import { Layer } from "effect"
import { HttpRouter } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { FederationApi, type FederationChapters } from "./api.ts"
import { layerAuthentication } from "./authenticate.ts"
import { MatrixEndpoint } from "./matrix-endpoint.ts"
import { unsupportedBy } from "./unsupported.ts"

const unsupported = HttpRouter.middleware(unsupportedBy(FederationApi), { global: true })

/**
 * All routes: those of the API, answered by `chapters` (a merge of one `HttpApiBuilder.group(FederationApi, …)`
 * for each chapter), and an error for all others.
 */
export const federationRoutes = <E, R>(chapters: Layer.Layer<FederationChapters, E, R>) =>
  Layer.mergeAll(HttpApiBuilder.layer(FederationApi), unsupported).pipe(
    Layer.provide(chapters),
    Layer.provide([MatrixEndpoint.layer, layerAuthentication]),
  )
