/** Media of other servers: asked of the server that its URI names, now and with its older endpoints, too. */
import { Context, Effect, Layer } from "effect"
import type { HttpClientResponse } from "effect/http"
import { badAnswer } from "../../homeserver/failures.ts"
import { Settings } from "../../homeserver/settings.ts"
import { type FederationCalls, FederationClient, FederationUnreachable } from "../client.ts"
import { AnswerBytesMax } from "../matrix-endpoint.ts"
import { MatrixError, notFound, tooLargeToServe } from "../matrix-error.ts"
import { WebClient } from "../web-client.ts"
import { WireError } from "../wire-message.ts"
import { fileOf, type MediaFile, plainType, thumbnailTypes } from "./content-headers.ts"
import type { ContentUri } from "./content-uri.ts"
import { readMultipart } from "./multipart.ts"
import type { ThumbnailWish } from "./thumbnails/thumbnail.ts"

type Failure = MatrixError | FederationUnreachable

/** What may stand around a file in an answer of several parts. */
const partsBytesMax = 65_536

/** How long a place that is no homeserver may take. */
const elsewhereWithin = "1 minute"

/**
 * What is asked fails with what a user is to be told: 404 M_NOT_FOUND, 429 M_LIMIT_EXCEEDED with the other server's
 * `retry_after_ms` (it is the user's client that waits: a request that is held here would bind both), 504
 * M_NOT_YET_UPLOADED, 502 M_TOO_LARGE, of thumbnails 400 M_UNKNOWN, 502 M_UNKNOWN for answers without sense; or
 * with why there is no answer.
 */
export class RemoteMedia extends Context.Service<
  RemoteMedia,
  {
    /** The server waits `timeoutMs` for the upload. */
    readonly fetch: (uri: ContentUri, timeoutMs: number) => Effect.Effect<MediaFile, Failure>
    /** A thumbnail as its server makes it. */
    readonly fetchThumbnail: (
      uri: ContentUri,
      wish: ThumbnailWish,
      timeoutMs: number,
    ) => Effect.Effect<MediaFile, Failure>
  }
>()("netsplit/RemoteMedia") {
  static readonly layer = Layer.effect(
    RemoteMedia,
    Effect.gen(function* () {
      const client = yield* FederationClient
      const web = yield* WebClient
      const { authenticatedMedia, mediaBytesMax } = yield* Settings

      const call = (server: string, ask: Ask) =>
        client
          .call(server, (api) => Effect.flatMap(ask(api), wholeAnswer))
          .pipe(Effect.provideService(AnswerBytesMax, mediaBytesMax + partsBytesMax))

      /** Where the media is to be had instead; that URL is asked once and not kept, for it may be of the moment. */
      const follow = Effect.fnUntraced(function* (location: string) {
        const url = URL.parse(location)
        if (url?.protocol !== "https:") {
          return yield* badAnswer(`${location} is no place where media could be`)
        }
        const { status, headers, body } = yield* web.get(url, mediaBytesMax).pipe(
          Effect.timeoutOrElse({
            duration: elsewhereWithin,
            orElse: () => Effect.fail(new WireError({ reason: "timed-out" })),
          }),
          Effect.mapError(({ reason }) => new FederationUnreachable({ destination: url.host, reason })),
        )
        if (status === 404) return yield* notFound(`there is nothing at ${url.host}`)
        if (status !== 200) return yield* badAnswer(`${url.host} answered ${status}`)
        return fileOf(headers["content-type"], headers["content-disposition"], body)
      })

      /** By a signed request; undefined from a server that has no such endpoint. */
      const askSigned = Effect.fnUntraced(function* (server: string, ask: Ask) {
        const answer = yield* call(server, ask).pipe(
          Effect.catchIf(isUnrecognised, () => Effect.succeed(undefined)),
          Effect.mapError((error) => asTold(server, error)),
        )
        if (answer === undefined) return undefined
        const part = readMultipart(answer.headers["content-type"], answer.bytes)
        if ("problem" in part) return yield* badAnswer(`${server}: ${part.problem}`)
        return part.kind === "file" ? part.file : yield* follow(part.location)
      })

      /** §Content Repository: the new endpoints first, the deprecated ones after 404 M_UNRECOGNIZED. */
      const askEither = Effect.fnUntraced(function* (server: string, signed: Ask, unsigned: Ask) {
        const given = authenticatedMedia ? yield* askSigned(server, signed) : undefined
        const file = given ?? (yield* askUnsigned(server, unsigned))
        if (file.bytes.length > mediaBytesMax) {
          return yield* tooLargeToServe(
            `${server} gave more than the ${mediaBytesMax} bytes that are taken here`,
          )
        }
        return file
      })

      const askUnsigned = (server: string, ask: Ask) =>
        call(server, ask).pipe(
          Effect.map(({ headers, bytes }) =>
            fileOf(headers["content-type"], headers["content-disposition"], bytes),
          ),
          Effect.mapError((error) => asTold(server, error)),
        )

      return RemoteMedia.of({
        fetch: ({ serverName, mediaId }, timeoutMs) => {
          const query = { timeout_ms: timeoutMs }
          return askEither(
            serverName,
            ({ media }) => media.download({ params: { mediaId }, query, responseMode }),
            ({ legacyMedia }) =>
              legacyMedia.download({
                params: { serverName, mediaId },
                query: { ...query, allow_remote: false },
                responseMode,
              }),
          )
        },
        fetchThumbnail: Effect.fnUntraced(function* ({ serverName, mediaId }, wish, timeoutMs) {
          const query = { ...wish, timeout_ms: timeoutMs }
          const file = yield* askEither(
            serverName,
            ({ media }) => media.thumbnail({ params: { mediaId }, query, responseMode }),
            ({ legacyMedia }) =>
              legacyMedia.thumbnail({
                params: { serverName, mediaId },
                query: { ...query, allow_remote: false },
                responseMode,
              }),
          )
          if (thumbnailTypes.has(plainType(file.contentType))) return file
          return yield* badAnswer(`${serverName} gave ${file.contentType} for a thumbnail`)
        }),
      })
    }),
  )
}

/** The head of the answer is wanted too: it says what the bytes are. */
const responseMode = "response-only"

type Answer = ReturnType<FederationCalls["media"]["download"]>
type Ask = (
  api: FederationCalls,
) => Effect.Effect<HttpClientResponse.HttpClientResponse, Effect.Error<Answer>, Effect.Services<Answer>>

const wholeAnswer = (response: HttpClientResponse.HttpClientResponse) =>
  Effect.map(response.arrayBuffer, (buffer) => ({
    headers: response.headers,
    bytes: new Uint8Array(buffer),
  }))

/** §Unsupported endpoints: a server of before v1.11. */
const isUnrecognised = (error: Failure): boolean =>
  error instanceof MatrixError && error.status === 404 && error.errcode === "M_UNRECOGNIZED"

/** What another server's refusal means to a user of this one. */
const asTold = (server: string, error: Failure): Failure => {
  if (!(error instanceof MatrixError)) return error
  const { status, errcode } = error
  if (status === 404) return notFound(`${server}: ${error.error}`)
  if (errcode === "M_TOO_LARGE") return tooLargeToServe(`${server}: ${error.error}`)
  if (status === 429 || status === 400 || errcode === "M_NOT_YET_UPLOADED") return error
  return badAnswer(`${server} answered ${error.message}`)
}
