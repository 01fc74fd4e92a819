/** The receiving half on the wire: requests as bytes, answered by the handlers of a server's chapters. */
import { Cause, Effect, type Layer } from "effect"
import { HttpServerResponse } from "effect/http"
import { canonicalJsonBytes } from "../core/json/encode.ts"
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json/value.ts"
import { Stopwatch } from "../homeserver/stopwatch.ts"
import type { FederationChapters } from "./api.ts"
import { type Content, makeAuthenticate } from "./authenticate.ts"
import { type FoundEndpoint, findEndpoint, isKnownPath } from "./endpoint-table.ts"
import { buildHandlers, type From, type Given } from "./handlers.ts"
import { receiveJson } from "./json-body.ts"
import { refusedBySchema } from "./matrix-endpoint.ts"
import { badJson, MatrixError, matrixErrorResponse, notJson } from "./matrix-error.ts"
import { unsupported } from "./unsupported.ts"
import { toWire, type WireHandler, type WireRequest, type WireResponse } from "./wire.ts"

/**
 * The handler that those chapters make up, for as long as the scope lives. What no endpoint answers is an error; a
 * handler that dies is answered with a bare 500, and its cause goes to the error reporters of the server.
 */
export const federationHandler = Effect.fnUntraced(function* <E, R>(
  chapters: Layer.Layer<FederationChapters, E, R>,
) {
  const { within, handle } = yield* buildHandlers(chapters)
  const authenticate = yield* makeAuthenticate
  const stopwatch = yield* Stopwatch

  const serve = (found: FoundEndpoint, content: JsonObject | undefined, from: From) => {
    const { group, endpoint } = found.handler
    const given = readGiven(found, content)
    return given instanceof MatrixError
      ? Effect.fail(given)
      : Effect.map(handle(group, endpoint, given, from), (value) => writeAnswer(found, value))
  }

  const answer = (request: WireRequest): Effect.Effect<WireResponse, unknown> => {
    const { method, target, source: asker } = request
    const found = findEndpoint(method, target)
    if (found === undefined) return Effect.fail(unsupported(method, isKnownPath(target)))
    const since = stopwatch.now()
    const content = readContent(request)
    if (content instanceof MatrixError) return Effect.fail(content)
    if (content !== undefined) stopwatch.add("json", since)
    return found.handler.isSigned
      ? Effect.flatMap(authenticate(request, content), (origin) =>
          serve(found, content?.object, { asker, origin }),
        )
      : serve(found, content?.object, { asker, origin: undefined })
  }

  const handler: WireHandler = (request) =>
    within(
      Effect.suspend(() => answer(request)).pipe(
        Effect.catch((error) =>
          error instanceof MatrixError
            ? Effect.succeed(toWire(matrixErrorResponse(error)))
            : Effect.die(error),
        ),
        Effect.catchCause((cause) =>
          Cause.hasInterruptsOnly(cause)
            ? Effect.succeed(stopping)
            : Effect.as(Effect.exit(Effect.withErrorReporting(Effect.failCause(cause))), failed),
        ),
      ),
    )
  return handler
})

const failed: WireResponse = toWire(HttpServerResponse.empty({ status: 500 }))
/** What the request waited for was ended: the server stops. */
const stopping: WireResponse = toWire(HttpServerResponse.empty({ status: 503 }))

/** §API standards: PUT and POST carry a JSON object, whatever their content type says. */
const readContent = ({ method, body }: WireRequest): Content | MatrixError | undefined => {
  if (method !== "PUT" && method !== "POST") return undefined
  const received = receiveJson(body)
  if (received === undefined) return notJson("the body is not JSON")
  const { value, isCanonical } = received
  return isJsonObject(value) ? { object: value, isCanonical } : badJson("the body is not a JSON object")
}

/** The parts of a request, read by the schemas of its endpoint. */
const readGiven = (
  { handler, params, searchParams }: FoundEndpoint,
  content: JsonObject | undefined,
): Given | MatrixError => {
  const { readParams, readQuery, readPayload } = handler
  const given: Record<string, unknown> = {}
  for (const [part, kind, read, input] of [
    ["params", "Params", readParams, params],
    ["query", "Query", readQuery, searchParams],
    ["payload", "Payload", readPayload, content],
  ] as const) {
    if (read === undefined) continue
    const result = read(input)
    if (result._tag === "Failure") return refusedBySchema({ kind, cause: result.failure })
    given[part] = result.success
  }
  return given
}

/** What a handler gave, as it goes out: JSON, or the answer that it made itself. */
const writeAnswer = ({ handler }: FoundEndpoint, value: unknown): WireResponse => {
  if (HttpServerResponse.isHttpServerResponse(value)) return toWire(value)
  const written = handler.writeAnswer?.(value)
  if (written?._tag !== "Success") throw written?.failure ?? new Error("an answer of no endpoint")
  const body = canonicalJsonBytes(written.success as JsonValue)
  return {
    status: 200,
    headers: { "content-type": "application/json", "content-length": String(body.length) },
    body,
  }
}
