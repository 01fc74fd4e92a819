/**
 * What every endpoint of the server-server API has in common, on both sides: bodies are JSON objects whatever
 * their content type says, errors are Matrix errors, and a call ends within a time that fits the endpoint.
 */
import { Context, type Duration, Effect, type SchemaIssue } from "effect"
import { type HttpApiEndpoint, type HttpApiError, HttpApiMiddleware } from "effect/http-api"
import type { Asker } from "./authentication.ts"
import {
  badJson,
  invalidParameter,
  type MatrixError,
  MatrixErrorSchema,
  missingParameter,
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

/**
 * The mark of every endpoint. Whoever serves it answers Matrix errors with their own status, and reads bodies as JSON;
 * `server.ts` on the wire.
 */
export class MatrixEndpoint extends HttpApiMiddleware.Service<MatrixEndpoint, { provides: Asker }>()(
  "netsplit/MatrixEndpoint",
  { error: MatrixErrorSchema, requiredForClient: true },
) {
  /** The calling half. */
  static readonly layerClient = HttpApiMiddleware.layerClient(MatrixEndpoint, ({ endpoint, request, next }) =>
    Effect.provideService(next(request), CalledEndpoint, endpoint),
  )
}

/** The Matrix error for what the schemas of an API refuse of a request. */
export const refusedBySchema = ({
  kind,
  cause,
}: Pick<HttpApiError.HttpApiSchemaError, "kind" | "cause">): MatrixError => {
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
