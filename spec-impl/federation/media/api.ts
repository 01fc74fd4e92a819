/** Server-server API §Content Repository. */
import { Schema, SchemaGetter } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema } from "effect/http-api"
import { Authentication } from "../authentication.ts"
import { AnswerWithin, MatrixEndpoint } from "../matrix-endpoint.ts"

/** The server waits up to a minute for an upload; and a file takes time. */
const answerWithin = "2 minutes"

const mediaId = { mediaId: Schema.String }
const timeout = { timeout_ms: Schema.optionalKey(Schema.Int) }
/** Not a number where it is no whole one: the specification has an error of its own for sizes without sense. */
const Side = Schema.String.pipe(
  Schema.decodeTo(Schema.Number, {
    decode: SchemaGetter.transform((text: string) => (/^[0-9]+$/.test(text) ? Number(text) : Number.NaN)),
    encode: SchemaGetter.transform((side: number) => String(side)),
  }),
)
const size = {
  width: Side,
  height: Side,
  method: Schema.optionalKey(Schema.String),
  animated: Schema.optionalKey(Schema.Boolean),
}
const bytesOf = (contentType: string) => Schema.Uint8Array.pipe(HttpApiSchema.asUint8Array({ contentType }))

/** What users of this server have uploaded, for other servers: `multipart/mixed`, made and read in `multipart.ts`. */
export class MediaApi extends HttpApiGroup.make("media")
  .add(
    HttpApiEndpoint.get("download", "/_matrix/federation/v1/media/download/:mediaId", {
      params: mediaId,
      query: timeout,
      success: bytesOf("multipart/mixed"),
    }).annotate(AnswerWithin, answerWithin),
    HttpApiEndpoint.get("thumbnail", "/_matrix/federation/v1/media/thumbnail/:mediaId", {
      params: mediaId,
      query: { ...size, ...timeout },
      success: bytesOf("multipart/mixed"),
    }).annotate(AnswerWithin, answerWithin),
  )
  .middleware(Authentication)
  .middleware(MatrixEndpoint) {}

const place = { serverName: Schema.String, ...mediaId }
/** `allow_redirect` changes nothing: these endpoints redirect nobody. */
const options = {
  allow_remote: Schema.optionalKey(Schema.Boolean),
  allow_redirect: Schema.optionalKey(Schema.Boolean),
  ...timeout,
}

/** The same, without a signature, for whoever asks (client-server API §Content repository; deprecated in v1.11). */
export class LegacyMediaApi extends HttpApiGroup.make("legacyMedia")
  .add(
    HttpApiEndpoint.get("download", "/_matrix/media/v3/download/:serverName/:mediaId", {
      params: place,
      query: options,
      success: bytesOf("application/octet-stream"),
    }).annotate(AnswerWithin, answerWithin),
    HttpApiEndpoint.get("thumbnail", "/_matrix/media/v3/thumbnail/:serverName/:mediaId", {
      params: place,
      query: { ...size, ...options },
      success: bytesOf("image/png"),
    }).annotate(AnswerWithin, answerWithin),
  )
  .middleware(MatrixEndpoint) {}
