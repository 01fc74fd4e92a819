/** The receiving half of the `direct` transport: the same handlers, called with values. */
import { Context, Effect, Layer } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApi, type HttpApiEndpoint } from "effect/http-api"
import { isJsonObject, type JsonValue } from "../../core/json/value.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { KeyRing } from "../../homeserver/key-ring.ts"
import { FederationApi, type FederationChapters } from "../api.ts"
import { layerAuthentication } from "../authenticate.ts"
import { Authentication, Origin } from "../authentication.ts"
import { ReceivedBody, readJson } from "../json-body.ts"
import { MatrixEndpoint } from "../matrix-endpoint.ts"
import { badJson, MatrixError, notJson, unauthorised, unrecognised } from "../matrix-error.ts"
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

/** The endpoints that a plain GET can ask for: those without anything in the path, by path. */
const plainEndpoints = new Map<string, { readonly group: string; readonly endpoint: HttpApiEndpoint.Top }>()
HttpApi.reflect(FederationApi, {
  onGroup: () => undefined,
  onEndpoint: ({ group, endpoint }) => {
    if (
      endpoint.method === "GET" &&
      !endpoint.middlewares.has(Authentication) &&
      !endpoint.path.includes(":")
    )
      plainEndpoints.set(endpoint.path, { group: group.identifier, endpoint })
  },
})

/** What is no typed call, as who follows names makes it for `.well-known/matrix/server`, as one. */
const typed = (request: WireRequest): DirectRequest | undefined => {
  if ("endpoint" in request) return request as DirectRequest
  const [path = ""] = request.target.split("?")
  const asked = request.method === "GET" ? plainEndpoints.get(path) : undefined
  if (asked === undefined) return undefined
  const { source, destination, target, headers } = request
  const given = { params: {}, query: {} }
  return new DirectRequest({
    ...asked,
    source,
    destination,
    meantFor: destination,
    target,
    headers,
    given,
    keyId: "",
  })
}

/**
 * The handler that those chapters make up. Requests are not signed: whoever carries them says who sent them. The
 * key is looked up all the same, so that the same requests for keys are made as on the wire.
 */
export const directHandler = Effect.fnUntraced(function* <E, R>(
  chapters: Layer.Layer<FederationChapters, E, R>,
) {
  const surroundings = yield* Effect.context<RequestServices<R>>()
  const { serverName } = yield* ServerIdentity
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

  const authenticate = ({
    endpoint,
    meantFor,
    source,
    keyId,
  }: DirectRequest): Effect.Effect<unknown, MatrixError> => {
    if (!endpoint.middlewares.has(Authentication)) return Effect.void
    if (meantFor !== serverName) {
      return Effect.fail(unauthorised(`the request is for ${meantFor}, and this is ${serverName}`))
    }
    return Effect.mapError(keyRing.keyForRequest(source, keyId), ({ reason }) =>
      unauthorised(`${keyId} of ${source}: ${reason}`),
    )
  }

  const serve = (request: DirectRequest, payload: JsonValue | undefined) => {
    const { endpoint, given, source } = request
    const found = handlerOf(request.group, endpoint)
    if (found === undefined) return Effect.die(`nobody answers ${endpoint.identifier}`)
    const served = new WireServerRequest(request)
    // In their place, not merged with what is there: that would copy them all for each request.
    const context = surroundings.pipe(
      Context.add(Origin, source),
      Context.add(ReceivedBody, { content: isJsonObject(payload) ? payload : undefined }),
      Context.add(HttpServerRequest.HttpServerRequest, served),
    )
    return Effect.updateContext(
      found.handler({ ...given, payload, endpoint, request: served }),
      (_: Context.Context<never>) => context,
    )
  }

  const answer = (received: WireRequest) => {
    const request = typed(received)
    return request === undefined
      ? Effect.fail(unrecognised("no such endpoint"))
      : authenticate(request).pipe(
          Effect.andThen(payloadOf(request)),
          Effect.flatMap((payload) => serve(request, payload)),
        )
  }

  const handler: WireHandler = (request) =>
    Effect.updateContext(
      Effect.matchEffect(answer(request), {
        onFailure: (error) =>
          error instanceof MatrixError
            ? Effect.succeed(new DirectResponse({ kind: "error", error }))
            : Effect.die(error),
        onSuccess: (value) => Effect.succeed(answered(value)),
      }),
      (_: Context.Context<unknown>) => surroundings as Context.Context<unknown>,
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
