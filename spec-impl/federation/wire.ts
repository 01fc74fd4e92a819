/**
 * The two ends of the `http` transport: whole requests and answers as bytes, through the same HttpApi routes as
 * the real server and the same client. No sockets, promises or streams.
 */
import { Effect, Layer, type Scope } from "effect"
import {
  type HttpBody,
  HttpClient,
  HttpClientError,
  type HttpClientRequest,
  HttpEffect,
  HttpRouter,
  HttpServer,
  HttpServerRequest,
  HttpServerResponse,
} from "effect/http"
import { routerConfig } from "./router-config.ts"
import type { WireError, WireHandler, WireRequest, WireResponse } from "./wire-message.ts"
import { WireServerRequest } from "./wire-request.ts"

export { WireError, type WireHandler, type WireRequest, type WireResponse } from "./wire-message.ts"

/** What each single request needs of `routes`' surroundings. */
export type RequestServices<R> = HttpRouter.Request.Only<"Requires" | "GlobalRequires", R>

/**
 * The handler that `routes` make up: `federationRoutes` of all chapters. What it builds lives as long as the
 * scope. A handler that dies is answered with a bare 500, as by the real server; its cause goes to the error
 * reporters of the fiber. Handlers find the services among which they were built: they are not provided once more for
 * each request, since that would copy them all.
 */
export const wireHandler = Effect.fnUntraced(function* <E, R>(routes: Layer.Layer<never, E, R>) {
  const app = yield* HttpRouter.toHttpEffect(Layer.provide(routes, HttpServer.layerServices)).pipe(
    Effect.provideService(HttpRouter.RouterConfig, routerConfig),
    // Never the routes of another server that happens to be built beside this one.
    Effect.provideServiceEffect(Layer.CurrentMemoMap, Layer.makeMemoMap),
  )
  const handler: WireHandler = (request) => Effect.suspend(() => answer(app as App, request))
  return handler
})

/** The routes, all of whose services are there already, which the type cannot say for any `R`. */
type App = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  unknown,
  Scope.Scope | HttpServerRequest.HttpServerRequest
>

/** Runs one request through the routes, and gives what it sends. */
const answer = (app: App, request: WireRequest): Effect.Effect<WireResponse> => {
  let sent: WireResponse | undefined
  const handled = HttpEffect.toHandled(app, (_, response) =>
    Effect.sync(() => {
      sent = toWire(response)
    }),
  )
  return Effect.provideService(
    handled,
    HttpServerRequest.HttpServerRequest,
    new WireServerRequest(request),
  ).pipe(
    Effect.catchCause((cause) => (sent === undefined ? Effect.failCause(cause) : Effect.void)),
    Effect.flatMap(() => (sent === undefined ? Effect.die("a request got no answer") : Effect.succeed(sent))),
  )
}

const nothing = new Uint8Array(0)

export const toWire = (response: HttpServerResponse.HttpServerResponse): WireResponse => ({
  status: response.status,
  headers: { ...response.headers },
  body: bytesOf(response.body),
})

const bytesOf = (body: HttpBody.HttpBody): Uint8Array => {
  if (body._tag === "Empty") return nothing
  if (body._tag === "Uint8Array") return body.body
  throw new Error(`a ${body._tag} body does not cross the wire in one piece`)
}

const scheme = "matrix://"

/**
 * The client of the server `source` whose requests cross the network by `send`. It takes URLs of the form
 * `matrix://<server name>/<path and query>`, from which nothing is normalised. Its errors are transport errors
 * with the `WireError` as their cause.
 */
export const wireHttpClient = (
  source: string,
  send: (request: WireRequest) => Effect.Effect<WireResponse, WireError>,
): HttpClient.HttpClient =>
  HttpClient.makeWith(
    (prepared: Effect.Effect<HttpClientRequest.HttpClientRequest>) =>
      Effect.flatMap(prepared, (request) =>
        send(fromClient(source, request)).pipe(
          Effect.map((response) => toClientResponse(response, request)),
          Effect.mapError(
            (cause) =>
              new HttpClientError.HttpClientError({
                reason: new HttpClientError.TransportError({ request, cause, description: cause.reason }),
              }),
          ),
        ),
      ),
    (request) => Effect.succeed(request),
  )

const fromClient = (source: string, request: HttpClientRequest.HttpClientRequest): WireRequest => {
  const path = request.url.indexOf("/", scheme.length)
  return {
    source,
    destination: request.url.slice(scheme.length, path),
    method: request.method,
    target: request.url.slice(path),
    headers: { ...request.headers },
    body: bytesOf(request.body),
  }
}

/** An answer as a client sees it. */
export const toClientResponse = (response: WireResponse, request?: HttpClientRequest.HttpClientRequest) =>
  HttpServerResponse.toClientResponse(
    HttpServerResponse.uint8Array(response.body, { status: response.status, headers: response.headers }),
    { request },
  )
