/**
 * What every endpoint of the server-server API has in common, on both sides: bodies are JSON objects whatever
 * their content type says, errors are Matrix errors, and a call ends within a time that fits the endpoint.
 */
import { Context, type Duration, Effect, Layer, type SchemaIssue } from "effect"
import { Headers, HttpServerRequest, type HttpServerResponse } from "effect/http"
import { type HttpApiEndpoint, HttpApiError, HttpApiMiddleware } from "effect/http-api"
import { isJsonObject } from "../core/json/value.ts"
import { Stopwatch, type StopwatchService } from "../homeserver/stopwatch.ts"
import { ReceivedBody, readJson } from "./json-body.ts"
import {
  badJson,
  invalidParameter,
  MatrixError,
  MatrixErrorSchema,
  matrixErrorResponse,
  missingParameter,
  notJson,
} from "./matrix-error.ts"

/** On an endpoint: how long its callers wait for the whole answer. */
export const AnswerWithin = Context.Reference<Duration.Input>("netsplit/AnswerWithin", {
  defaultValue: () => "30 seconds",
})

/** On an endpoint, or while a call is made: how many bytes of an answer are read; the larger one counts. */
export const AnswerBytesMax = Context.Reference<number>("netsplit/AnswerBytesMax", {
  defaultValue: () => 16 * 1_048_576,
})

/** Of answers that hold the state of a room, which has no bound: as Synapse has it for `send_join`. */
export const wholeRoomBytesMax = 500 * 1_048_576

/** While a call is made: the endpoint that is called. */
export const CalledEndpoint = Context.Reference<HttpApiEndpoint.Top | undefined>("netsplit/CalledEndpoint", {
  defaultValue: () => undefined,
})

/** The middleware of every endpoint. */
export class MatrixEndpoint extends HttpApiMiddleware.Service<MatrixEndpoint, { provides: ReceivedBody }>()(
  "netsplit/MatrixEndpoint",
  { error: MatrixErrorSchema, requiredForClient: true },
) {
  /** The receiving half. */
  static readonly layer = Layer.succeed(MatrixEndpoint, (handler) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, (received) => {
      const request = received.modify({
        headers: Headers.set(received.headers, "content-type", "application/json"),
      })
      return Effect.flatMap(Stopwatch, (stopwatch) => readBody(request, stopwatch)).pipe(
        Effect.flatMap((body) =>
          handler.pipe(
            Effect.provideService(ReceivedBody, body),
            Effect.provideService(HttpServerRequest.HttpServerRequest, request),
          ),
        ),
        Effect.catch(answerError),
      )
    }),
  )

  /** The calling half. */
  static readonly layerClient = HttpApiMiddleware.layerClient(MatrixEndpoint, ({ endpoint, request, next }) =>
    Effect.provideService(next(request), CalledEndpoint, endpoint),
  )
}

const noBody = { content: undefined }

/** §API standards: PUT and POST carry a JSON object, whatever their content type says. */
const readBody = (
  request: HttpServerRequest.HttpServerRequest,
  stopwatch: StopwatchService,
): Effect.Effect<ReceivedBody["Service"], MatrixError> =>
  request.method === "PUT" || request.method === "POST"
    ? Effect.matchEffect(request.arrayBuffer, {
        onFailure: () => Effect.fail(notJson("the body could not be read")),
        onSuccess: (bytes) => {
          const since = stopwatch.now()
          const content = readJson(new Uint8Array(bytes))
          stopwatch.add("json", since)
          if (content === undefined) return Effect.fail(notJson("the body is not JSON"))
          return isJsonObject(content)
            ? Effect.succeed({ content })
            : Effect.fail(badJson("the body is not a JSON object"))
        },
      })
    : Effect.succeed(noBody)

/** Answers Matrix errors, with their own status, and what the schemas of the API refuse. */
const answerError = <E>(error: E): Effect.Effect<HttpServerResponse.HttpServerResponse, E> => {
  if (error instanceof MatrixError) return Effect.succeed(matrixErrorResponse(error))
  if (HttpApiError.HttpApiSchemaError.is(error) && error.kind !== "Body") {
    return Effect.succeed(matrixErrorResponse(refusedBySchema(error)))
  }
  return Effect.fail(error)
}

/** The Matrix error for what the schemas of an API refuse of a request. */
export const refusedBySchema = ({ kind, cause }: HttpApiError.HttpApiSchemaError): MatrixError => {
  if (kind === "Payload") return badJson(cause.message)
  return isMissing(cause.issue) ? missingParameter(cause.message) : invalidParameter(cause.message)
}

const isMissing = (issue: SchemaIssue.Issue): boolean => {
  let current: SchemaIssue.Issue | undefined = issue
  while (current !== undefined) {
    if (current._tag === "MissingKey") return true
    current =
      current._tag === "Composite"
        ? current.issues[0]
        : "issue" in current
          ? (current.issue as SchemaIssue.Issue)
          : undefined
  }
  return false
}
