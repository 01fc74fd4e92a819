/** What this server's users have uploaded, and what they have announced (client-server API §Content repository). */
import { Clock, Context, Deferred, Effect, Layer, Semaphore } from "effect"
import { encodeBase64, encodeBase64Url } from "../../core/base64.ts"
import { sha256 } from "../../core/hash.ts"
import { domainOf } from "../../core/identifiers.ts"
import { Chance } from "../../homeserver/chance.ts"
import { storeFailed } from "../../homeserver/failures.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { Settings } from "../../homeserver/settings.ts"
import { type BlobWrite, EventStore, type StoreFailure } from "../../store/event-store.ts"
import {
  cannotOverwriteMedia,
  forbidden,
  invalidParameter,
  limitExceeded,
  type MatrixError,
  notFound,
  notYetUploaded,
  tooLarge,
  tooLargeToServe,
} from "../matrix-error.ts"
import { isHeaderValue, type MediaFile } from "./content-headers.ts"
import { formatContentUri, parseContentUri } from "./content-uri.ts"

const collection = "media"
/** How long a place that was announced waits for its content (§POST /create: "recommended default"). */
const announcedMs = 24 * 60 * 60_000
/** How long a request waits that does not say for how long (server-server API §Content Repository). */
const timeoutMsDefault = 20_000

/** How long a request waits for an upload that says `timeoutMs`; a server may wait `timeoutMsMax`. */
export const waitMsOf = (timeoutMs: number | undefined, timeoutMsMax: number): number =>
  Math.max(0, Math.min(timeoutMs ?? timeoutMsDefault, timeoutMsMax))

/** A file, and since when this server has it. */
export interface HeldMedia {
  readonly file: MediaFile
  readonly sinceTs: number
}

/** As it is kept: JSON. */
type Upload = {
  readonly contentType: string
  readonly filename?: string
  readonly byteCount: number
  /** Unpadded base64. */
  readonly sha256: string
  readonly uploadedTs: number
}

type Kept = {
  readonly userId: string
  readonly createdTs: number
  /** Missing where the content is only announced. */
  readonly upload?: Upload
}

type Failure = MatrixError | StoreFailure

export class LocalMedia extends Context.Service<
  LocalMedia,
  {
    /**
     * Announces content of a user of this server: its URI, and until when it may come. 429 where the user has
     * announced too much that is not there yet.
     */
    readonly create: (
      userId: string,
    ) => Effect.Effect<{ readonly uri: string; readonly unusedExpiresAtTs: number }, Failure>
    /**
     * Keeps a file of a user of this server: under a URI of its own, or under the one that was announced: then 404
     * where it was not or no longer is, 403 where another user did, 409 where it is there already. 413 for too
     * large a file, 403 where the user has uploaded all that it may.
     */
    readonly upload: (userId: string, file: MediaFile, uri?: string) => Effect.Effect<string, Failure>
    /**
     * The content of that id. What is announced only is waited for: 20 s by default, and never longer than the
     * server allows, then 504 M_NOT_YET_UPLOADED. 404 for what is not known, 502 M_TOO_LARGE for what is larger
     * than this server gives.
     */
    readonly find: (mediaId: string, timeoutMs?: number) => Effect.Effect<HeldMedia, MatrixError>
    /** SHA-256 of the content, in unpadded base64, where it is there: for observers. */
    readonly digestOf: (mediaId: string) => string | undefined
  }
>()("netsplit/LocalMedia") {
  /** Takes up what the store keeps. */
  static readonly layer = Layer.effect(
    LocalMedia,
    Effect.gen(function* () {
      const store = yield* EventStore
      const chance = yield* Chance
      const settings = yield* Settings
      const { serverName } = yield* ServerIdentity
      const media = new Map<string, Kept>()
      for (const [mediaId, kept] of yield* store.records(collection)) {
        media.set(mediaId, kept as unknown as Kept)
      }
      /** Of those that somebody waits for. */
      const arrivals = new Map<string, Deferred.Deferred<void>>()
      const writing = Semaphore.makeUnsafe(1)
      let serial = 0

      const newId = (userId: string, nowMs: number): string => {
        for (;;) {
          serial += 1
          const mediaId = encodeBase64Url(chance.bytes(18, "media", userId, String(nowMs), String(serial)))
          if (!media.has(mediaId)) return mediaId
        }
      }

      const announcedBy = (userId: string): readonly (readonly [mediaId: string, kept: Kept])[] =>
        [...media].filter(([, kept]) => kept.userId === userId && kept.upload === undefined)

      const isOver = ({ createdTs, upload }: Kept, nowMs: number): boolean =>
        upload === undefined && createdTs + announcedMs <= nowMs

      const known = (mediaId: string, nowMs: number): Effect.Effect<Kept, MatrixError> => {
        const kept = media.get(mediaId)
        return kept === undefined || isOver(kept, nowMs)
          ? Effect.fail(notFound(`there is no media ${mediaId} here`))
          : Effect.succeed(kept)
      }

      const checkUser = (userId: string): Effect.Effect<void, MatrixError> =>
        domainOf(userId) === serverName
          ? Effect.void
          : Effect.fail(forbidden(`${userId} is not a user of ${serverName}`))

      /** Nobody else writes between what `change` reads and what it writes. */
      const alone = <A>(change: Effect.Effect<A, Failure>): Effect.Effect<A, Failure> =>
        Semaphore.withPermits(writing, 1)(Effect.uninterruptible(change))

      const keep = Effect.fnUntraced(function* (
        mediaId: string,
        kept: Kept,
        {
          blobs = [],
          over = [],
        }: { readonly blobs?: readonly BlobWrite[]; readonly over?: readonly string[] },
      ) {
        const gone = over.map((key) => ({ collection, key, value: null }))
        yield* store.commit({ records: [...gone, { collection, key: mediaId, value: kept }], blobs })
        for (const key of over) {
          media.delete(key)
          arrivals.delete(key)
        }
        media.set(mediaId, kept)
      }, Effect.uninterruptible)

      const create = Effect.fnUntraced(function* (userId: string) {
        yield* checkUser(userId)
        const nowMs = yield* Clock.currentTimeMillis
        const announced = announcedBy(userId)
        const over = announced.filter(([, kept]) => isOver(kept, nowMs)).map(([mediaId]) => mediaId)
        if (announced.length - over.length >= settings.mediaPendingMax) {
          const waiting = announced.filter(([mediaId]) => !over.includes(mediaId))
          const firstTs = Math.min(...waiting.map(([, { createdTs }]) => createdTs))
          return yield* limitExceeded(
            `${userId} has announced ${waiting.length} files that are not there yet`,
            { retry_after_ms: firstTs + announcedMs - nowMs },
          )
        }
        const mediaId = newId(userId, nowMs)
        yield* keep(mediaId, { userId, createdTs: nowMs }, { over })
        return { uri: formatContentUri({ serverName, mediaId }), unusedExpiresAtTs: nowMs + announcedMs }
      })

      /** The place that `uri` names is the user's own, and empty. */
      const announcedPlace = Effect.fnUntraced(function* (userId: string, uri: string, nowMs: number) {
        const parsed = parseContentUri(uri)
        if (parsed?.serverName !== serverName) return yield* notFound(`${uri} was not announced here`)
        const kept = yield* known(parsed.mediaId, nowMs)
        if (kept.userId !== userId) return yield* forbidden(`${uri} was announced by somebody else`)
        if (kept.upload !== undefined) return yield* cannotOverwriteMedia(`${uri} has its content`)
        return parsed.mediaId
      })

      const checkFile = Effect.fnUntraced(function* (userId: string, { contentType, bytes }: MediaFile) {
        const { mediaBytesMax, mediaBytesOfUserMax } = settings
        if (bytes.length > mediaBytesMax) return yield* tooLarge(`a file has at most ${mediaBytesMax} bytes`)
        if (!isHeaderValue(contentType)) return yield* invalidParameter("that is no content type")
        let byteCount = bytes.length
        for (const kept of media.values())
          byteCount += kept.userId === userId ? (kept.upload?.byteCount ?? 0) : 0
        if (byteCount > mediaBytesOfUserMax) return yield* forbidden("you have uploaded all that you may")
      })

      const upload = Effect.fnUntraced(function* (userId: string, file: MediaFile, uri?: string) {
        yield* checkUser(userId)
        const nowMs = yield* Clock.currentTimeMillis
        const mediaId = uri === undefined ? newId(userId, nowMs) : yield* announcedPlace(userId, uri, nowMs)
        yield* checkFile(userId, file)
        const { contentType, filename, bytes } = file
        const uploaded: Upload = {
          contentType,
          ...(filename === undefined ? {} : { filename }),
          byteCount: bytes.length,
          sha256: encodeBase64(sha256(bytes)),
          uploadedTs: nowMs,
        }
        const createdTs = media.get(mediaId)?.createdTs ?? nowMs
        // A copy: the caller may go on with its bytes.
        const blobs = [{ collection, key: mediaId, bytes: Uint8Array.from(bytes) }]
        yield* keep(mediaId, { userId, createdTs, upload: uploaded }, { blobs })
        const arrival = arrivals.get(mediaId)
        arrivals.delete(mediaId)
        if (arrival !== undefined) yield* Deferred.succeed(arrival, undefined)
        return formatContentUri({ serverName, mediaId })
      })

      const untilArrival = (mediaId: string, waitMs: number): Effect.Effect<void> => {
        const arrival = arrivals.get(mediaId) ?? Deferred.makeUnsafe<void>()
        arrivals.set(mediaId, arrival)
        return Deferred.await(arrival).pipe(Effect.timeoutOption(waitMs), Effect.asVoid)
      }

      const find = Effect.fnUntraced(function* (mediaId: string, timeoutMs?: number) {
        const kept = yield* known(mediaId, yield* Clock.currentTimeMillis)
        if (kept.upload === undefined) {
          yield* untilArrival(mediaId, waitMsOf(timeoutMs, settings.mediaTimeoutMsMax))
        }
        const found = media.get(mediaId)?.upload
        if (found === undefined) return yield* notYetUploaded(`media ${mediaId} has not been uploaded yet`)
        if (found.byteCount > settings.mediaBytesMax) {
          return yield* tooLargeToServe(`media ${mediaId} is larger than this server gives`)
        }
        const bytes = yield* store
          .blob(collection, mediaId)
          .pipe(Effect.mapError(({ detail }) => storeFailed(detail)))
        if (bytes === undefined) return yield* storeFailed(`the bytes of media ${mediaId} are gone`)
        const { contentType, filename, uploadedTs } = found
        return { file: { contentType, filename, bytes }, sinceTs: uploadedTs }
      })

      return LocalMedia.of({
        create: (userId) => alone(create(userId)),
        upload: (userId, file, uri) => alone(upload(userId, file, uri)),
        find,
        digestOf: (mediaId) => media.get(mediaId)?.upload?.sha256,
      })
    }),
  )
}
