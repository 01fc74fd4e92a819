/** Server-server API §Content Repository: the receiving half. */
import { Clock, Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { isServerName } from "../../core/identifiers.ts"
import { Chance } from "../../homeserver/chance.ts"
import { badAnswer } from "../../homeserver/failures.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { Settings } from "../../homeserver/settings.ts"
import { Asker, Origin } from "../authentication.ts"
import { chapter } from "../chapter.ts"
import { ifLegacy } from "../legacy.ts"
import { cannotThumbnail, limitExceeded, MatrixError, notFound, unrecognised } from "../matrix-error.ts"
import { Turns } from "../turns.ts"
import { contentHeaders } from "./content-headers.ts"
import { type ContentUri, isMediaId } from "./content-uri.ts"
import type { HeldMedia } from "./local-media.ts"
import { Media } from "./media.ts"
import { type MediaPart, writeMultipart } from "./multipart.ts"
import type { ThumbnailWish } from "./thumbnails/thumbnail.ts"

/** What a thumbnail's query says; `scale` and no animation where it says nothing. */
export interface WishQuery {
  readonly width: number
  readonly height: number
  readonly method?: string
  readonly animated?: boolean
}

/** What is wished for; 400 for a method that there is not. */
export const wishOf = ({ width, height, method = "scale", animated = false }: WishQuery) =>
  method === "crop" || method === "scale"
    ? Effect.succeed<ThumbnailWish>({ width, height, method, animated })
    : Effect.fail(cannotThumbnail(`there is no method ${method}`))

/** 429 with the time to wait for whoever has asked too often. */
const takeTurn = Effect.fnUntraced(function* (turns: Turns, who: string) {
  const waitMs = turns.take(who, yield* Clock.currentTimeMillis)
  if (waitMs > 0) return yield* limitExceeded(`${who} has asked for too much`, { retry_after_ms: waitMs })
})

/** For other servers, which sign: what is this server's own, and nothing else. */
export const MediaReceive = chapter(
  "media",
  Effect.fnUntraced(function* (handlers) {
    const media = yield* Media
    const chance = yield* Chance
    const settings = yield* Settings
    const { serverName } = yield* ServerIdentity
    const turns = new Turns(settings.mediaRequestsPerMinuteMax)

    /** Who may ask now, and what it asks for. */
    const asked = Effect.fnUntraced(function* (mediaId: string) {
      if (!settings.authenticatedMedia) return yield* unrecognised("no such endpoint")
      yield* takeTurn(turns, yield* Origin)
      if (!isMediaId(mediaId)) return yield* notFound(`${mediaId} is no media id`)
      return { serverName, mediaId }
    })

    /** A boundary that stands nowhere in the media. */
    const boundaryFor = (mediaId: string, part: MediaPart): string => {
      for (let attempt = 1; ; attempt++) {
        const drawn = chance.bytes(16, "media-boundary", mediaId, String(attempt))
        const boundary = Buffer.from(drawn).toString("hex")
        if (part.kind === "elsewhere") return boundary
        const { buffer, byteOffset, byteLength } = part.file.bytes
        if (!Buffer.from(buffer, byteOffset, byteLength).includes(boundary)) return boundary
      }
    }

    const answer = (mediaId: string, part: MediaPart) => {
      const boundary = boundaryFor(mediaId, part)
      return HttpServerResponse.uint8Array(writeMultipart(part, boundary), {
        contentType: `multipart/mixed; boundary=${boundary}`,
      })
    }

    return handlers
      .handle(
        "download",
        Effect.fnUntraced(function* ({ params, query }) {
          const uri = yield* asked(params.mediaId)
          const { file } = yield* found(media.find(uri, query.timeout_ms))
          const { mediaRedirectUrl } = settings
          return answer(
            uri.mediaId,
            mediaRedirectUrl === undefined
              ? { kind: "file", file }
              : { kind: "elsewhere", location: `${mediaRedirectUrl}/${uri.mediaId}` },
          )
        }),
      )
      .handle(
        "thumbnail",
        Effect.fnUntraced(function* ({ params, query }) {
          const uri = yield* asked(params.mediaId)
          const wish = yield* wishOf(query)
          const { file } = yield* found(media.findThumbnail(uri, wish, query.timeout_ms))
          return answer(uri.mediaId, { kind: "file", file })
        }),
      )
  }),
)

/**
 * For whoever asks, as before v1.11: what came before the freeze. Media of other servers is fetched only where the
 * asker does not say that it must not be: servers always say so, or two of them could ask each other in circles.
 */
export const LegacyMediaReceive = chapter(
  "legacyMedia",
  Effect.fnUntraced(function* (handlers) {
    const media = yield* Media
    const settings = yield* Settings
    const { serverName } = yield* ServerIdentity
    const turns = new Turns(settings.mediaRequestsPerMinuteMax)

    const asked = Effect.fnUntraced(function* (uri: ContentUri, isRemoteAllowed: boolean) {
      yield* takeTurn(turns, yield* Asker)
      if (!isServerName(uri.serverName) || !isMediaId(uri.mediaId))
        return yield* notFound("there is no such media")
      if (uri.serverName !== serverName && !isRemoteAllowed) {
        return yield* notFound(`that is media of ${uri.serverName}, which is not to be asked`)
      }
      return uri
    })

    const answer = ({ file, sinceTs }: HeldMedia) =>
      sinceTs < settings.mediaFreezeTs
        ? Effect.succeed(HttpServerResponse.uint8Array(file.bytes, { headers: contentHeaders(file) }))
        : Effect.fail(notFound("that media is given to signed requests alone"))

    return handlers
      .handle("download", ({ params, query }) =>
        asked(params, query.allow_remote ?? true).pipe(
          Effect.flatMap((uri) => found(media.find(uri, query.timeout_ms))),
          Effect.flatMap(answer),
          ifLegacy,
        ),
      )
      .handle("thumbnail", ({ params, query }) =>
        asked(params, query.allow_remote ?? true).pipe(
          Effect.flatMap((uri) =>
            Effect.flatMap(wishOf(query), (wish) => found(media.findThumbnail(uri, wish, query.timeout_ms))),
          ),
          Effect.flatMap(answer),
          ifLegacy,
        ),
      )
  }),
)

/** A server that cannot be reached is none of the asker's. */
const found = <A, E, R>(search: Effect.Effect<A, E, R>) =>
  Effect.mapError(search, (error) =>
    error instanceof MatrixError ? error : badAnswer(`the media's server: ${String(error)}`),
  )
