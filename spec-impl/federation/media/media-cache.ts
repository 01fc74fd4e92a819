/** What is kept of other servers' media, so that each file is fetched once; the oldest makes room for the newest. */
import { Clock, Context, Effect, Layer } from "effect"
import { encodeBase64 } from "../../core/base64.ts"
import { sha256 } from "../../core/hash.ts"
import { compareCodePoints } from "../../core/json/encode.ts"
import { Settings } from "../../homeserver/settings.ts"
import { EventStore } from "../../store/event-store.ts"
import type { MediaFile } from "./content-headers.ts"
import type { HeldMedia } from "./local-media.ts"

const collection = "remote-media"
/** However small they are. */
const filesMax = 10_000

interface Kept {
  readonly contentType: string
  readonly filename?: string
  readonly byteCount: number
  readonly sha256: string
  readonly fetchedTs: number
}

export class MediaCache extends Context.Service<
  MediaCache,
  {
    readonly get: (key: string) => Effect.Effect<HeldMedia | undefined>
    /** Keeps it if it can: what the store does not take, or what is larger than all of the cache, is not kept. */
    readonly keep: (key: string, file: MediaFile) => Effect.Effect<void>
    /** SHA-256 of what is kept, in unpadded base64: for observers. */
    readonly digestOf: (key: string) => string | undefined
  }
>()("netsplit/MediaCache") {
  /** Takes up what the store keeps. */
  static readonly layer = Layer.effect(
    MediaCache,
    Effect.gen(function* () {
      const store = yield* EventStore
      const { mediaCacheBytesMax } = yield* Settings
      /** From the one that was not asked for longest. */
      const kept = new Map<string, Kept>()
      const stored = (yield* store.records(collection)) as unknown as readonly (readonly [string, Kept])[]
      for (const [key, entry] of stored.toSorted(
        ([aKey, a], [bKey, b]) => a.fetchedTs - b.fetchedTs || compareCodePoints(aKey, bKey),
      )) {
        kept.set(key, entry)
      }

      /** What must go for so many bytes to come. */
      const inTheWay = (byteCount: number): readonly string[] => {
        let total = byteCount
        for (const entry of kept.values()) total += entry.byteCount
        const going: string[] = []
        for (const [key, entry] of kept) {
          if (total <= mediaCacheBytesMax && kept.size - going.length < filesMax) break
          total -= entry.byteCount
          going.push(key)
        }
        return going
      }

      const keep = Effect.fnUntraced(function* (key: string, { contentType, filename, bytes }: MediaFile) {
        if (kept.has(key) || bytes.length > mediaCacheBytesMax) return
        const entry = {
          contentType,
          ...(filename === undefined ? {} : { filename }),
          byteCount: bytes.length,
          sha256: encodeBase64(sha256(bytes)),
          fetchedTs: yield* Clock.currentTimeMillis,
        }
        const going = inTheWay(bytes.length)
        const before = going.map((gone) => [gone, kept.get(gone)!] as const)
        // Others count it from now on; its bytes are not given before they are durable.
        for (const gone of going) kept.delete(gone)
        kept.set(key, entry)
        const committed = yield* store
          .commit({
            records: [
              ...going.map((gone) => ({ collection, key: gone, value: null })),
              { collection, key, value: entry },
            ],
            blobs: [
              ...going.map((gone) => ({ collection, key: gone, bytes: null })),
              { collection, key, bytes },
            ],
          })
          .pipe(Effect.isSuccess)
        if (committed) return
        kept.delete(key)
        for (const [gone, entryBefore] of before) kept.set(gone, entryBefore)
      }, Effect.uninterruptible)

      return MediaCache.of({
        get: Effect.fnUntraced(function* (key) {
          const entry = kept.get(key)
          const bytes =
            entry === undefined
              ? undefined
              : yield* store.blob(collection, key).pipe(Effect.orElseSucceed(() => undefined))
          if (entry === undefined || bytes === undefined) return undefined
          if (kept.delete(key)) kept.set(key, entry)
          const { contentType, filename, fetchedTs } = entry
          return { file: { contentType, filename, bytes }, sinceTs: fetchedTs }
        }),
        keep,
        digestOf: (key) => kept.get(key)?.sha256,
      })
    }),
  )
}
