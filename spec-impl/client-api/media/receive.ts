/** Client-server API §Content repository: the receiving half. */
import { ByteSize, Effect } from "effect"
import { HttpIncomingMessage, HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { isServerName } from "../../core/identifiers.ts"
import { invalidParameter, type MatrixError, notFound, tooLarge } from "../../federation/matrix-error.ts"
import { contentHeaders, contentTypeDefault, type MediaFile } from "../../federation/media/content-headers.ts"
import { type ContentUri, formatContentUri, isMediaId } from "../../federation/media/content-uri.ts"
import { type HeldMedia, LocalMedia } from "../../federation/media/local-media.ts"
import { Media } from "../../federation/media/media.ts"
import { wishOf } from "../../federation/media/receive.ts"
import { Settings } from "../../homeserver/settings.ts"
import { acted } from "../acted.ts"
import { ClientApi } from "../api.ts"
import { Requester } from "../client-endpoint.ts"

export const MediaReceive = HttpApiBuilder.group(
  ClientApi,
  "media",
  Effect.fnUntraced(function* (handlers) {
    const local = yield* LocalMedia
    const media = yield* Media
    const { mediaBytesMax } = yield* Settings

    /** Too much is refused before it is read, where it is announced, and else as soon as it is too much. */
    const uploaded = Effect.fnUntraced(function* (filename: string | undefined) {
      const request = yield* HttpServerRequest.HttpServerRequest
      const tooMuch = tooLarge(`a file has at most ${mediaBytesMax} bytes`)
      if (Number(request.headers["content-length"] ?? 0) > mediaBytesMax) return yield* tooMuch
      const body = yield* request.arrayBuffer.pipe(
        Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(mediaBytesMax + 1)),
        Effect.mapError(() => tooMuch),
      )
      return {
        contentType: request.headers["content-type"] ?? contentTypeDefault,
        filename,
        bytes: new Uint8Array(body),
      } satisfies MediaFile
    })

    const asked = (uri: ContentUri): Effect.Effect<ContentUri, MatrixError> =>
      isServerName(uri.serverName) && isMediaId(uri.mediaId)
        ? Effect.succeed(uri)
        : Effect.fail(notFound("there is no such media"))

    const download = (uri: ContentUri, timeoutMs: number | undefined, filename?: string) =>
      Effect.flatMap(asked(uri), (known) => acted(media.find(known, timeoutMs))).pipe(
        Effect.map((found) => answer(found, filename)),
      )

    const config = Effect.succeed({ "m.upload.size": mediaBytesMax })

    return handlers
      .handle(
        "upload",
        Effect.fnUntraced(function* ({ query: { filename } }) {
          const { userId } = yield* Requester
          return { content_uri: yield* acted(local.upload(userId, yield* uploaded(filename))) }
        }),
      )
      .handle(
        "uploadTo",
        Effect.fnUntraced(function* ({ params, query: { filename } }) {
          const { userId } = yield* Requester
          const uri = formatContentUri(yield* asked(params))
          yield* acted(local.upload(userId, yield* uploaded(filename), uri))
          return {}
        }),
      )
      .handle("create", () =>
        Effect.flatMap(Requester, ({ userId }) =>
          Effect.map(acted(local.create(userId)), ({ uri, unusedExpiresAtTs }) => ({
            content_uri: uri,
            unused_expires_at: unusedExpiresAtTs,
          })),
        ),
      )
      .handle("config", () => config)
      .handle("configOfOld", () => config)
      .handle("download", ({ params, query }) => download(params, query.timeout_ms))
      .handle("downloadAs", ({ params: { fileName, ...uri }, query }) =>
        fileName.isWellFormed()
          ? download(uri, query.timeout_ms, fileName)
          : Effect.fail(invalidParameter("that is no file's name")),
      )
      .handle(
        "thumbnail",
        Effect.fnUntraced(function* ({ params, query }) {
          const uri = yield* asked(params)
          const wish = yield* wishOf(query)
          return answer(yield* acted(media.findThumbnail(uri, wish, query.timeout_ms)))
        }),
      )
  }),
)

/** The file as it is; under another name where the client wants that. */
const answer = ({ file }: HeldMedia, filename?: string) =>
  HttpServerResponse.uint8Array(file.bytes, {
    headers: contentHeaders(filename === undefined ? file : { ...file, filename }),
  })
