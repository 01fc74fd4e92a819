/** The receiving half of the `direct` transport: the same handlers, called with values. */
import { Effect, Exit, type Layer } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApi, type HttpApiEndpoint } from "effect/http-api"
import { isJsonObject, type JsonValue } from "../../core/json/value.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { KeyRing, type KeyUnavailable } from "../../homeserver/key-ring.ts"
import { FederationApi, type FederationChapters } from "../api.ts"
import { Authentication } from "../authentication.ts"
import { buildHandlers } from "../handlers.ts"
import { readJson } from "../json-body.ts"
import { badJson, MatrixError, notJson, unauthorised, unrecognised } from "../matrix-error.ts"
import { toWire, type WireHandler, type WireRequest, type WireResponse } from "../wire.ts"
import { DirectRequest, DirectResponse } from "./message.ts"

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
  const { within, handle } = yield* buildHandlers(chapters)
  const { serverName } = yield* ServerIdentity
  const keyRing = yield* KeyRing

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
    const key = keyRing.keyForRequest(source, keyId)
    if (Exit.isSuccess(key as Exit.Exit<Uint8Array, KeyUnavailable>)) return key as Effect.Effect<Uint8Array>
    return Effect.mapError(within(key), ({ reason }) => unauthorised(`${keyId} of ${source}: ${reason}`))
  }

  const serve = ({ group, endpoint, given, source }: DirectRequest, payload: JsonValue | undefined) =>
    handle(
      group,
      endpoint,
      { ...given, payload },
      {
        asker: source,
        origin: endpoint.middlewares.has(Authentication) ? source : undefined,
      },
    )

  /** Of most requests nothing is to be waited for but the handler. */
  const answer = (received: WireRequest): Effect.Effect<unknown, unknown> => {
    const request = typed(received)
    return request === undefined
      ? Effect.fail(unrecognised("no such endpoint"))
      : Effect.flatMapEager(authenticate(request), () =>
          Effect.flatMapEager(payloadOf(request), (payload) => serve(request, payload)),
        )
  }

  const handler: WireHandler = (request) =>
    Effect.matchEffect(
      Effect.suspend(() => answer(request)),
      outcomes,
    )
  return handler
})

/** What a handler gave, as it crosses the network. */
const outcomes = {
  onFailure: (error: unknown): Effect.Effect<WireResponse> =>
    error instanceof MatrixError
      ? Effect.succeed(new DirectResponse({ kind: "error", error }))
      : Effect.die(error),
  onSuccess: (value: unknown): Effect.Effect<WireResponse> => Effect.succeed(answered(value)),
}

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
