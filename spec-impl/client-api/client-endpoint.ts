/**
 * What every endpoint of the client-server API has in common: bodies are JSON objects whatever their content type
 * says, errors are Matrix errors (client-server API §API Standards), and most are for users who are logged in.
 */
import { Context, Effect, Layer, Schema, SchemaTransformation } from "effect"
import { Headers, HttpServerRequest, type HttpServerResponse } from "effect/http"
import { HttpApiError, HttpApiMiddleware, HttpApiSchema } from "effect/http-api"
import { canonicalJsonBytes } from "../core/json/encode.ts"
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json/value.ts"
import { readJson } from "../federation/json-body.ts"
import { refusedBySchema } from "../federation/matrix-endpoint.ts"
import {
  badJson,
  MatrixError,
  MatrixErrorSchema,
  matrixErrorResponse,
  notJson,
} from "../federation/matrix-error.ts"

/** On an endpoint whose body is bytes of any kind, which its handler reads: a file. */
export const TakesBytes = Context.Reference<boolean>("netsplit/client-api/TakesBytes", {
  defaultValue: () => false,
})

/** The body of the request at hand, parsed once. */
class ReceivedBody extends Context.Service<
  ReceivedBody,
  {
    /** Undefined where there is none. */
    readonly content: JsonObject | undefined
  }
>()("netsplit/client-api/ReceivedBody") {}

/** The middleware of every endpoint. */
export class ClientEndpoint extends HttpApiMiddleware.Service<ClientEndpoint, { provides: ReceivedBody }>()(
  "netsplit/ClientEndpoint",
  { error: MatrixErrorSchema },
) {
  static readonly layer = Layer.succeed(ClientEndpoint, (handler, { endpoint }) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, (received) => {
      if (Context.get(endpoint.annotations, TakesBytes)) {
        return handler.pipe(
          Effect.provideService(ReceivedBody, noBody),
          Effect.catch((error) => answerError(error, noBody)),
        )
      }
      const request = received.modify({
        headers: Headers.set(received.headers, "content-type", "application/json"),
      })
      return readBody(request).pipe(
        Effect.flatMap((body) =>
          handler.pipe(
            Effect.provideService(ReceivedBody, body),
            Effect.provideService(HttpServerRequest.HttpServerRequest, request),
            Effect.catch((error) => answerError(error, body)),
          ),
        ),
        Effect.catch((error) => answerError(error, noBody)),
      )
    }),
  )
}

const noBody: ReceivedBody["Service"] = { content: undefined }

/** `content` is undefined where the body is empty, which some endpoints allow and others have no body at all. */
const readBody = (
  request: HttpServerRequest.HttpServerRequest,
): Effect.Effect<ReceivedBody["Service"], MatrixError> =>
  request.method === "GET"
    ? Effect.succeed(noBody)
    : Effect.matchEffect(request.arrayBuffer, {
        onFailure: () => Effect.fail(notJson("the body could not be read")),
        onSuccess: (bytes) => {
          if (bytes.byteLength === 0) return Effect.succeed(noBody)
          const content = readJson(new Uint8Array(bytes))
          if (content === undefined) return Effect.fail(notJson("the body is not JSON"))
          return isJsonObject(content)
            ? Effect.succeed({ content })
            : Effect.fail(badJson("the body is not a JSON object"))
        },
      })

/** Answers Matrix errors, with their own status, and what the schemas of the API refuse. */
const answerError = <E>(
  error: E,
  { content }: ReceivedBody["Service"],
): Effect.Effect<HttpServerResponse.HttpServerResponse, E> => {
  if (error instanceof MatrixError) return Effect.succeed(matrixErrorResponse(error))
  if (HttpApiError.HttpApiSchemaError.is(error) && error.kind !== "Body") {
    const isEmpty = error.kind === "Payload" && content === undefined
    return Effect.succeed(
      matrixErrorResponse(isEmpty ? notJson("the body is empty") : refusedBySchema(error)),
    )
  }
  return Effect.fail(error)
}

const received = <S extends Schema.Top>(schema: S, whereEmpty?: S["Encoded"]) =>
  Schema.Uint8Array.pipe(
    Schema.decodeTo(
      schema,
      SchemaTransformation.transformEffect<S["Encoded"], Uint8Array, ReceivedBody>({
        decode: () => Effect.map(ReceivedBody, (body) => (body.content ?? whereEmpty) as S["Encoded"]),
        encode: (value) => Effect.sync(() => canonicalJsonBytes(value as JsonValue)),
      }),
    ),
    HttpApiSchema.asUint8Array({ contentType: "application/json" }),
  )

/** A request's body: a JSON object as `schema` describes it. */
export const requestBody = <S extends Schema.Top>(schema: S) => received(schema)

/** The body of an endpoint that does without one as well: an empty body stands for an empty object. */
export const optionalBody = <S extends Schema.Top>(schema: S) => received(schema, {})

/** Who makes the request at hand, as the access token says (§Client authentication). */
export class Requester extends Context.Service<
  Requester,
  { readonly userId: string; readonly deviceId: string }
>()("netsplit/Requester") {}

/**
 * The middleware of endpoints that are for users who are logged in: 401 M_MISSING_TOKEN without an access token, 401
 * M_UNKNOWN_TOKEN with one that is not, or no longer, known.
 */
export class LoggedIn extends HttpApiMiddleware.Service<LoggedIn, { provides: Requester }>()(
  "netsplit/LoggedIn",
  { error: MatrixErrorSchema },
) {}
