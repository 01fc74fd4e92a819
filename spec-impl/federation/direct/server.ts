/** The receiving half of the `direct` transport: the same handlers, called with values. */
import { type Context, Effect, Layer } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import type { HttpApiEndpoint } from "effect/http-api"
import { isJsonObject, type JsonValue } from "../../core/json/value.ts"
import { KeyRing } from "../../homeserver/key-ring.ts"
import { FederationApi, type FederationChapters } from "../api.ts"
import { layerAuthentication } from "../authenticate.ts"
import { Authentication, Origin } from "../authentication.ts"
import { ReceivedBody, readJson } from "../json-body.ts"
import { MatrixEndpoint } from "../matrix-endpoint.ts"
import { badJson, MatrixError, notJson, unauthorised } from "../matrix-error.ts"
import {
  type RequestServices,
  toWire,
  type WireHandler,
  type WireRequest,
  type WireResponse,
} from "../wire.ts"
import { WireServerRequest } from "../wire-request.ts"
import { DirectRequest, DirectResponse } from "./message.ts"

/** A handler as `HttpApiBuilder.group` keeps it. */
interface Handler {
  readonly handler: (
    given: object,
  ) => Effect.Effect<unknown, unknown, Origin | ReceivedBody | HttpServerRequest.HttpServerRequest>
}

/**
 * The handler that those chapters make up. Requests are not signed: whoever carries them says who sent them. The
 * key is looked up all the same, so that the same requests for keys are made as on the wire.
 */
export const directHandler = Effect.fnUntraced(function* <E, R>(
  chapters: Layer.Layer<FederationChapters, E, R>,
) {
  const surroundings = yield* Effect.context<RequestServices<R>>()
  const keyRing = yield* KeyRing
  // The chapters bring routes of their own, which nobody asks; these want the middlewares of the wire.
  const routed = Layer.provide(chapters, [MatrixEndpoint.layer, layerAuthentication])
  const built = yield* Layer.build(routed as Layer.Layer<FederationChapters, E>)

  const handlerOf = (group: string, endpoint: HttpApiEndpoint.Top): Handler | undefined => {
    const key = FederationApi.groups[group as keyof typeof FederationApi.groups].key
    const service = built.mapUnsafe.get(key) as
      | { readonly handlers: ReadonlyMap<string, Handler> }
      | undefined
    return service?.handlers.get(endpoint.identifier)
  }

  const authenticate = (request: DirectRequest) =>
    request.endpoint.middlewares.has(Authentication)
      ? keyRing
          .keyForRequest(request.source, request.keyId)
          .pipe(
            Effect.mapError(({ reason }) => unauthorised(`${request.keyId} of ${request.source}: ${reason}`)),
          )
      : Effect.void

  const answer = Effect.fnUntraced(function* (request: DirectRequest) {
    yield* authenticate(request)
    const payload = yield* payloadOf(request)
    const { endpoint, given, source } = request
    const found = handlerOf(request.group, endpoint)
    if (found === undefined) return yield* Effect.die(`nobody answers ${endpoint.identifier}`)
    const received = new WireServerRequest(request)
    return yield* found
      .handler({ ...given, payload, endpoint, request: received })
      .pipe(
        Effect.provideService(Origin, source),
        Effect.provideService(ReceivedBody, { content: isJsonObject(payload) ? payload : undefined }),
        Effect.provideService(HttpServerRequest.HttpServerRequest, received),
      )
  })

  const handler: WireHandler = (request) =>
    answer(request as DirectRequest).pipe(
      Effect.map(answered),
      Effect.catch((error) =>
        error instanceof MatrixError
          ? Effect.succeed(new DirectResponse({ kind: "error", error }))
          : Effect.die(error),
      ),
      Effect.provideContext(surroundings as Context.Context<unknown>),
    ) as Effect.Effect<WireResponse>
  return handler
})

/** Multipart answers are bytes on every transport. */
const answered = (value: unknown): WireResponse =>
  HttpServerResponse.isHttpServerResponse(value)
    ? toWire(value)
    : new DirectResponse({ kind: "value", value })

/** What a rule has changed is no `DirectRequest` any more, and is read from its bytes. */
const payloadOf = (request: WireRequest & Pick<DirectRequest, "given">) => {
  if (request instanceof DirectRequest || request.given.payload === undefined) {
    return Effect.succeed(request.given.payload)
  }
  const body: JsonValue | undefined = readJson(request.body)
  if (body === undefined) return Effect.fail(notJson("the body is not JSON"))
  return isJsonObject(body) ? Effect.succeed(body) : Effect.fail(badJson("the body is not a JSON object"))
}
