/** Media for this server's users, wherever it is from (client-server API §Content repository). */
import { Clock, Context, Effect, Layer } from "effect"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { Settings } from "../../homeserver/settings.ts"
import type { FederationUnreachable } from "../client.ts"
import {
  cannotThumbnail,
  invalidParameter,
  type MatrixError,
  tooLarge,
  tooLargeToServe,
} from "../matrix-error.ts"
import type { MediaFile } from "./content-headers.ts"
import { type ContentUri, formatContentUri, parseContentUri } from "./content-uri.ts"
import { type HeldMedia, LocalMedia, waitMsOf } from "./local-media.ts"
import { MediaCache } from "./media-cache.ts"
import { RemoteMedia } from "./remote-media.ts"
import { makeThumbnail, type ThumbnailWish } from "./thumbnails/thumbnail.ts"

type Failure = MatrixError | FederationUnreachable

export class Media extends Context.Service<
  Media,
  {
    /**
     * The content of an `mxc://` URI: this server's own, kept, or fetched from its server. Waits for an upload for
     * `timeoutMs` (20 s by default, and never longer than this server allows). Fails as `LocalMedia.find` and
     * `RemoteMedia.fetch` do; 400 for what is no such URI.
     */
    readonly download: (uri: string, timeoutMs?: number) => Effect.Effect<MediaFile, Failure>
    /**
     * A thumbnail of it. 400 M_UNKNOWN for what none can be made of, 413 M_TOO_LARGE for an image of this server
     * that is too large for one, 502 M_TOO_LARGE for one of another.
     */
    readonly thumbnail: (
      uri: string,
      wish: ThumbnailWish,
      timeoutMs?: number,
    ) => Effect.Effect<MediaFile, Failure>
    /** As `download`, with the instant since which this server has it. */
    readonly find: (uri: ContentUri, timeoutMs?: number) => Effect.Effect<HeldMedia, Failure>
    /** As `thumbnail`, with the instant since which this server has the content, or the thumbnail of another. */
    readonly findThumbnail: (
      uri: ContentUri,
      wish: ThumbnailWish,
      timeoutMs?: number,
    ) => Effect.Effect<HeldMedia, Failure>
    /** SHA-256, in unpadded base64, of what this server has of it, its own or fetched: for observers. */
    readonly digestOf: (uri: string) => string | undefined
  }
>()("netsplit/Media") {
  static readonly layer = Layer.effect(
    Media,
    Effect.gen(function* () {
      const local = yield* LocalMedia
      const remote = yield* RemoteMedia
      const cache = yield* MediaCache
      const { serverName } = yield* ServerIdentity
      const settings = yield* Settings

      const isLocal = (uri: ContentUri): boolean => uri.serverName === serverName

      /** From the cache, or else by `fetch`, and then kept. */
      const cached = Effect.fnUntraced(function* (key: string, fetch: Effect.Effect<MediaFile, Failure>) {
        const kept = yield* cache.get(key)
        if (kept !== undefined) return kept
        const file = yield* fetch
        yield* cache.keep(key, file)
        return { file, sinceTs: yield* Clock.currentTimeMillis }
      })

      const waitMs = (timeoutMs?: number): number => waitMsOf(timeoutMs, settings.mediaTimeoutMsMax)

      const find = (uri: ContentUri, timeoutMs?: number): Effect.Effect<HeldMedia, Failure> =>
        isLocal(uri)
          ? local.find(uri.mediaId, timeoutMs)
          : cached(formatContentUri(uri), remote.fetch(uri, waitMs(timeoutMs)))

      const thumbnailOf = (uri: ContentUri, { file, sinceTs }: HeldMedia, wish: ThumbnailWish) => {
        const thumbnail = makeThumbnail(file.bytes, wish, settings.thumbnailPixelsMax)
        switch (thumbnail.kind) {
          case "made":
            return Effect.succeed({ file: thumbnail.file, sinceTs })
          case "not-an-image":
            return Effect.fail(cannotThumbnail(`no thumbnail can be made of ${file.contentType}`))
          case "too-large":
            return Effect.fail(
              (isLocal(uri) ? tooLarge : tooLargeToServe)("the image is too large for thumbnails"),
            )
        }
      }

      const findThumbnail = Effect.fnUntraced(function* (
        uri: ContentUri,
        wish: ThumbnailWish,
        timeoutMs?: number,
      ): Effect.fn.Return<HeldMedia, Failure> {
        yield* checkWish(wish)
        const whole = isLocal(uri)
          ? yield* local.find(uri.mediaId, timeoutMs)
          : yield* cache.get(formatContentUri(uri))
        if (whole !== undefined) return yield* thumbnailOf(uri, whole, wish)
        const { width, height, method, animated } = wish
        const key = `${formatContentUri(uri)} ${width}x${height} ${method}${animated ? " animated" : ""}`
        return yield* cached(key, remote.fetchThumbnail(uri, wish, waitMs(timeoutMs)))
      })

      const parsed = (uri: string): Effect.Effect<ContentUri, MatrixError> => {
        const known = parseContentUri(uri)
        return known === undefined
          ? Effect.fail(invalidParameter(`${uri} names no media`))
          : Effect.succeed(known)
      }

      return Media.of({
        download: Effect.fnUntraced(function* (uri, timeoutMs) {
          return (yield* find(yield* parsed(uri), timeoutMs)).file
        }),
        thumbnail: Effect.fnUntraced(function* (uri, wish, timeoutMs) {
          return (yield* findThumbnail(yield* parsed(uri), wish, timeoutMs)).file
        }),
        find,
        findThumbnail,
        digestOf: (uri) => {
          const known = parseContentUri(uri)
          if (known === undefined) return undefined
          return isLocal(known) ? local.digestOf(known.mediaId) : cache.digestOf(formatContentUri(known))
        },
      })
    }),
  )
}

/** §Content Repository: "the caller requested non-integer dimensions or asked for negatively-sized images". */
const checkWish = ({ width, height }: ThumbnailWish): Effect.Effect<void, MatrixError> =>
  [width, height].every((side) => Number.isSafeInteger(side) && side > 0)
    ? Effect.void
    : Effect.fail(cannotThumbnail(`there is no image of ${width} by ${height}`))
