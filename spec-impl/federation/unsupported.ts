import { Effect } from "effect"
import { FindMyWay, HttpServerError, type HttpServerResponse } from "effect/http"
import { HttpApi, type HttpApiGroup } from "effect/http-api"
import { type MatrixError, matrixErrorResponse, unrecognised, unrecognisedMethod } from "./matrix-error.ts"
import { routerConfig } from "./router-config.ts"

/** §Unsupported endpoints, of both APIs: 404 for an unknown path, 405 for a known one asked with another method. */
export const unsupported = (method: string, isKnownPath: boolean): MatrixError =>
  isKnownPath ? unrecognisedMethod(`this endpoint does not do ${method}`) : unrecognised("no such endpoint")

/** Tells whether there is an endpoint of `api` at a path, whatever its method. */
export const pathsOf = <Id extends string, Groups extends HttpApiGroup.Constraint>(
  api: HttpApi.HttpApi<Id, Groups>,
): ((url: string) => boolean) => {
  const paths = FindMyWay.make<true>(routerConfig)
  const distinctPaths = new Set<string>()
  HttpApi.reflect(api, {
    onGroup: () => undefined,
    onEndpoint: ({ endpoint }) => void distinctPaths.add(endpoint.path),
  })
  for (const path of distinctPaths) paths.on("GET", path as FindMyWay.PathInput, true)
  return (url) => paths.find("GET", url) !== undefined
}

/** Makes routes answer what no endpoint of `api` does. */
export const unsupportedBy = <Id extends string, Groups extends HttpApiGroup.Constraint>(
  api: HttpApi.HttpApi<Id, Groups>,
) => {
  const isKnownPath = pathsOf(api)
  return <E, R>(routes: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
    Effect.catch(routes, (error) => {
      if (!HttpServerError.isHttpServerError(error) || error.reason._tag !== "RouteNotFound") {
        return Effect.fail(error)
      }
      const { method, url } = error.request
      return Effect.succeed(matrixErrorResponse(unsupported(method, isKnownPath(url))))
    })
}
