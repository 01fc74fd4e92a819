/**
 * The errors that Matrix servers answer each other with: a status and `{errcode, error, …}`
 * (client-server API §Standard error response, used by the server-server API as well).
 */
import { Effect, Schema, SchemaTransformation } from "effect"
import { HttpServerRespondable, HttpServerResponse } from "effect/http"
import { HttpApiSchema } from "effect/http-api"
import { canonicalJsonBytes } from "../core/json/encode.ts"
import { isJsonObject, type JsonObject } from "../core/json/value.ts"
import { ErrorWithoutStack } from "./error-without-stack.ts"
import { AnyJsonObject, readJson } from "./json-body.ts"

/** A standard error, as a server means to answer it or as one was answered. */
export class MatrixError
  extends ErrorWithoutStack("MatrixError")<{
    /** The HTTP status. */
    readonly status: number
    /** One of the specification's codes, or whatever the other server made up. */
    readonly errcode: string
    /** For people. */
    readonly error: string
    /** Further members of the body, `room_version` for one. */
    readonly details?: JsonObject
  }>
  implements HttpServerRespondable.Respondable
{
  override get message(): string {
    return `${this.status} ${this.errcode}: ${this.error}`
  }

  /** The body as it goes over the wire. */
  get body(): JsonObject {
    return { ...this.details, errcode: this.errcode, error: this.error }
  }

  [HttpServerRespondable.symbol](): Effect.Effect<HttpServerResponse.HttpServerResponse> {
    return Effect.succeed(matrixErrorResponse(this))
  }
}

/** What a server sends for `error`. */
export const matrixErrorResponse = (error: MatrixError): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.uint8Array(canonicalJsonBytes(error.body), {
    status: error.status,
    contentType: "application/json",
    headers: retryAfterOf(error),
  })

/** Client-server API §Rate limiting: the header says in seconds what the body says in milliseconds. */
const retryAfterOf = ({ details }: MatrixError): Readonly<Record<string, string>> =>
  typeof details?.retry_after_ms === "number"
    ? { "retry-after": String(Math.ceil(details.retry_after_ms / 1_000)) }
    : {}

/**
 * The error that a server meant by an answer of this status and body. A body that is not a standard error
 * gives `M_UNKNOWN`. A `Retry-After` in seconds counts as `retry_after_ms` where the body has none.
 */
export const matrixErrorFromAnswer = (
  status: number,
  body: Uint8Array,
  headers: Readonly<Record<string, string | undefined>> = {},
): MatrixError => {
  const value = readJson(body)
  if (isJsonObject(value) && typeof value.errcode === "string") {
    const { errcode, error, ...details } = { ...waitIn(headers), ...value }
    return new MatrixError({
      status,
      errcode: value.errcode,
      error: typeof error === "string" ? error : "",
      ...(Object.keys(details).length > 0 ? { details } : {}),
    })
  }
  return new MatrixError({ status, errcode: "M_UNKNOWN", error: `answered ${status} without a Matrix error` })
}

const waitIn = ({ "retry-after": seconds }: Readonly<Record<string, string | undefined>>): JsonObject =>
  seconds !== undefined && /^[0-9]{1,9}$/.test(seconds) ? { retry_after_ms: Number(seconds) * 1_000 } : {}

/** How the API declares its errors. Servers and clients map them themselves, for the sake of the status. */
export const MatrixErrorSchema = AnyJsonObject.pipe(
  Schema.decodeTo(
    Schema.instanceOf(MatrixError),
    SchemaTransformation.transform({
      decode: (body) => matrixErrorFromAnswer(400, canonicalJsonBytes(body)),
      encode: (error: MatrixError) => error.body,
    }),
  ),
  HttpApiSchema.status(400),
)

const withStatus = (status: number, errcode: string) => (error: string, details?: JsonObject) =>
  new MatrixError({ status, errcode, error, ...(details === undefined ? {} : { details }) })

/** 400: the body is JSON, but not what the endpoint wants. */
export const badJson = withStatus(400, "M_BAD_JSON")
/** 400: the body is not JSON. */
export const notJson = withStatus(400, "M_NOT_JSON")
/** 400: a parameter is missing. */
export const missingParameter = withStatus(400, "M_MISSING_PARAM")
/** 400: a parameter has no meaning here, or an event is not what the endpoint is for. */
export const invalidParameter = withStatus(400, "M_INVALID_PARAM")
/** 400: a key is not signed as it must be (client-server API §Cross-signing). */
export const invalidSignature = withStatus(400, "M_INVALID_SIGNATURE")
/** 401: the request is not signed as it must be (§Request Authentication). */
export const unauthorised = withStatus(401, "M_UNAUTHORIZED")
/** 401: a token is missing that the endpoint asks for. */
export const missingToken = withStatus(401, "M_MISSING_TOKEN")
/** 401: the token is nobody's. */
export const unknownToken = withStatus(401, "M_UNKNOWN_TOKEN")
/** 409: somebody else has that already. */
export const conflict = withStatus(409, "M_UNKNOWN")
/** 413: more than this server keeps. */
export const tooLarge = withStatus(413, "M_TOO_LARGE")
/** 502: more than this server gives, or takes from another. */
export const tooLargeToServe = withStatus(502, "M_TOO_LARGE")
/** 504: the content was announced, and is not there yet (§Content Repository). */
export const notYetUploaded = withStatus(504, "M_NOT_YET_UPLOADED")
/** 409: the content is there already (client-server API §Content repository). */
export const cannotOverwriteMedia = withStatus(409, "M_CANNOT_OVERWRITE_MEDIA")
/** 400: there can be no such thumbnail, or none of this content (§Content Repository). */
export const cannotThumbnail = withStatus(400, "M_UNKNOWN")
/** 403. */
export const forbidden = withStatus(403, "M_FORBIDDEN")
/** 403: the user does not want to be invited (client-server API §Invite permission). */
export const inviteBlocked = withStatus(403, "M_INVITE_BLOCKED")
/** 400: the policy server will not sign the event (§Policy Servers). */
export const refusedByPolicy = withStatus(400, "M_FORBIDDEN")
/** 429: asked too often; `retry_after_ms` says when to come again. */
export const limitExceeded = withStatus(429, "M_LIMIT_EXCEEDED")
/** 404: no such room, event, user. */
export const notFound = withStatus(404, "M_NOT_FOUND")
/** 404: no such endpoint (§Unsupported endpoints). */
export const unrecognised = withStatus(404, "M_UNRECOGNIZED")
/** 405: the endpoint has other methods (§Unsupported endpoints). */
export const unrecognisedMethod = withStatus(405, "M_UNRECOGNIZED")
/** 400: the resident server can check none of a restricted room's conditions (§Restricted rooms). */
export const unableToAuthoriseJoin = withStatus(400, "M_UNABLE_TO_AUTHORISE_JOIN")
/** 400: the resident server has no one who may let this user in; another might (§Restricted rooms). */
export const unableToGrantJoin = withStatus(400, "M_UNABLE_TO_GRANT_JOIN")
/** 400: the asking server does not know the room's version, which is named in `room_version`. */
export const incompatibleRoomVersion = (roomVersion: string): MatrixError =>
  withStatus(400, "M_INCOMPATIBLE_ROOM_VERSION")(`the room is of version ${roomVersion}`, {
    room_version: roomVersion,
  })
/** 400: somebody has that user id already (client-server API §Account registration). */
export const userInUse = withStatus(400, "M_USER_IN_USE")
/** 400: this can be no user's name (client-server API §Account registration). */
export const invalidUsername = withStatus(400, "M_INVALID_USERNAME")
/** 400: a field of a profile has too long a name (client-server API §Profiles). */
export const keyTooLarge = withStatus(400, "M_KEY_TOO_LARGE")
/** 400: a profile would be larger than any may be (client-server API §Profiles). */
export const profileTooLarge = withStatus(400, "M_PROFILE_TOO_LARGE")
/** 400: what is asked for is none of the kinds that there are. */
export const unknownKind = withStatus(400, "M_UNKNOWN")
/** 400: an alias does not lead to the room (client-server API §PUT …/state). */
export const badAlias = withStatus(400, "M_BAD_ALIAS")
/** 400: the user has said that of the event already (client-server API §Avoiding duplicate annotations). */
export const duplicateAnnotation = withStatus(400, "M_DUPLICATE_ANNOTATION")
/** 400: the alias is taken (client-server API §POST /createRoom). */
export const roomInUse = withStatus(400, "M_ROOM_IN_USE")
/** 400: a room cannot begin like that (client-server API §POST /createRoom). */
export const invalidRoomState = withStatus(400, "M_INVALID_ROOM_STATE")
