/** Where the store does not keep a file nothing is acknowledged, and nothing is given up for it. */
import { Context, Effect, Layer } from "effect"
import { describe, expect, it } from "vitest"
import { Chance } from "../../homeserver/chance.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { type HomeserverSettings, Settings } from "../../homeserver/settings.ts"
import { Signatures } from "../../homeserver/signatures/signatures.ts"
import { EventStore, StoreFailure } from "../../store/event-store.ts"
import { MemoryDisk, memoryStore } from "../../store/memory.ts"
import { keyFromByte, nativeSignatures } from "../testing/servers.ts"
import type { MediaFile } from "./content-headers.ts"
import { LocalMedia } from "./local-media.ts"
import { MediaCache } from "./media-cache.ts"

const alice = "@alice:one.test"
const file = (text: string): MediaFile => ({
  contentType: "text/plain",
  filename: undefined,
  bytes: new TextEncoder().encode(text),
})
const idOf = (uri: string): string => uri.slice(uri.lastIndexOf("/") + 1)

/** Both services over a store that a test may fill up. */
const withStore = async (
  story: (media: {
    readonly local: LocalMedia["Service"]
    readonly cache: MediaCache["Service"]
    readonly disk: MemoryDisk
    readonly setFull: (isFull: boolean) => void
  }) => Effect.Effect<void, unknown>,
  settings: Partial<HomeserverSettings> = {},
) => {
  const disk = new MemoryDisk()
  const store = memoryStore(disk)
  let isFull = false
  const surroundings = Layer.mergeAll(
    Layer.succeed(EventStore, {
      ...store,
      commit: (group) =>
        isFull ? Effect.fail(new StoreFailure({ reason: "full", detail: "no room" })) : store.commit(group),
    }),
    Settings.layer(settings),
    Chance.layerRandom,
    Layer.succeed(Signatures, nativeSignatures),
  )
  const identity = { serverName: "one.test", signingKey: keyFromByte("ed25519:a", 1), oldKeys: [] }
  await Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const services = yield* Layer.build(
          Layer.mergeAll(LocalMedia.layer, MediaCache.layer).pipe(
            Layer.provide(ServerIdentity.layer(identity)),
            Layer.provide(surroundings),
          ),
        )
        yield* story({
          local: Context.get(services, LocalMedia),
          cache: Context.get(services, MediaCache),
          disk,
          setFull: (now) => {
            isFull = now
          },
        })
      }),
    ),
  )
}

describe("a store that is full", () => {
  it("takes no upload, and the place that was announced stays open", () =>
    withStore(({ local, disk, setFull }) =>
      Effect.gen(function* () {
        const { uri } = yield* local.create(alice)
        setFull(true)
        expect(yield* Effect.flip(local.upload(alice, file("a")))).toMatchObject({ reason: "full" })
        expect(yield* Effect.flip(local.upload(alice, file("b"), uri))).toMatchObject({ reason: "full" })
        expect(yield* Effect.flip(local.create(alice))).toMatchObject({ reason: "full" })
        expect(yield* Effect.flip(local.find(idOf(uri), 0))).toMatchObject({ errcode: "M_NOT_YET_UPLOADED" })
        expect(disk.records.get("media")?.size).toBe(1)
        setFull(false)
        yield* local.upload(alice, file("c"), uri)
        expect((yield* local.find(idOf(uri))).file).toEqual(file("c"))
      }),
    ))

  it("keeps nothing new of other servers, and what was kept stays", () =>
    withStore(
      ({ cache, disk, setFull }) =>
        Effect.gen(function* () {
          yield* cache.keep("mxc://two.test/a", file("aaaa"))
          setFull(true)
          yield* cache.keep("mxc://two.test/b", file("bbbb"))
          expect(yield* cache.get("mxc://two.test/b")).toBeUndefined()
          expect((yield* cache.get("mxc://two.test/a"))?.file).toEqual(file("aaaa"))
          setFull(false)
          yield* cache.keep("mxc://two.test/b", file("bbbb"))
          expect(yield* cache.get("mxc://two.test/a")).toBeUndefined()
          expect([...disk.blobs.get("remote-media")!.keys()]).toEqual(["mxc://two.test/b"])
          expect([...disk.records.get("remote-media")!.keys()]).toEqual(["mxc://two.test/b"])
        }),
      { mediaCacheBytesMax: 6 },
    ))
})
