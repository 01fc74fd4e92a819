/** The receiving half: the routes of a server, from the API and the handlers of its chapters. */
import { Effect, Layer } from "effect"
import { FindMyWay, HttpRouter, HttpServerError } from "effect/http"
import { HttpApi, HttpApiBuilder } from "effect/http-api"
import { FederationApi, type FederationChapters } from "./api.ts"
import { layerAuthentication } from "./authenticate.ts"
import { MatrixEndpoint } from "./matrix-endpoint.ts"
import { matrixErrorResponse, unrecognised, unrecognisedMethod } from "./matrix-error.ts"
import { routerConfig } from "./router-config.ts"

/** All paths of the API, whatever the method. */
const paths = FindMyWay.make<true>(routerConfig)
const distinctPaths = new Set<string>()
HttpApi.reflect(FederationApi, {
  onGroup: () => undefined,
  onEndpoint: ({ endpoint }) => void distinctPaths.add(endpoint.path),
})
for (const path of distinctPaths) paths.on("GET", path as FindMyWay.PathInput, true)

/** §Unsupported endpoints: 404 for an unknown path, 405 for a known one asked with another method. */
const unsupported = HttpRouter.middleware(
  (routes) =>
    Effect.catch(routes, (error) => {
      if (!HttpServerError.isHttpServerError(error) || error.reason._tag !== "RouteNotFound") {
        return Effect.fail(error)
      }
      const { method, url } = error.request
      return Effect.succeed(
        matrixErrorResponse(
          paths.find("GET", url) !== undefined
            ? unrecognisedMethod(`this endpoint does not do ${method}`)
            : unrecognised("no such endpoint"),
        ),
      )
    }),
  { global: true },
)

/**
 * All routes: those of the API, answered by `chapters` (a merge of one `HttpApiBuilder.group(FederationApi, …)`
 * for each chapter), and an error for all others.
 */
export const federationRoutes = <E, R>(chapters: Layer.Layer<FederationChapters, E, R>) =>
  Layer.mergeAll(HttpApiBuilder.layer(FederationApi), unsupported).pipe(
    Layer.provide(chapters),
    Layer.provide([MatrixEndpoint.layer, layerAuthentication]),
  )
