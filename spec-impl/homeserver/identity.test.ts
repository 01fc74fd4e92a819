/** A server's key is changed while it runs: what it publishes, what others believe, and what a restart finds. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { isJsonObject, type JsonObject } from "../core/json/value.ts"
import { keyFromByte, makeWire, nativeSignatures, startServer } from "../federation/testing/servers.ts"
import { MemoryDisk } from "../store/memory.ts"
import { readServerKeys } from "./server-keys.ts"

const keyA = keyFromByte("ed25519:a", 1)

const idsIn = (keys: JsonObject, field: string): readonly string[] =>
  Object.keys(isJsonObject(keys[field]) ? keys[field] : {})

/** one.test on a disk that outlives it, and a server that asks it. */
const pair = Effect.gen(function* () {
  const wire = makeWire()
  const disk = new MemoryDisk()
  const start = startServer(wire, "one.test", keyA, [], { disk })
  const one = yield* start
  const two = yield* startServer(wire, "two.test", keyFromByte("ed25519:b", 2))
  const isGood = (keyId: string) =>
    Effect.map(Effect.result(two.keyRing.keyForRequest("one.test", keyId)), ({ _tag }) => _tag === "Success")
  return { wire, disk, start, one, two, isGood }
})

describe("a rotated key", () => {
  it.effect("is published at once, signs what is published, and leaves the one before as an old one", () =>
    Effect.gen(function* () {
      const { one } = yield* pair
      yield* one.keyRing.published
      yield* TestClock.adjust("1 minute")
      const key = yield* one.identity.rotateKey
      expect(one.identity.signingKey).toEqual(key)
      const published = yield* one.keyRing.published
      expect(idsIn(published, "verify_keys")).toEqual([key.keyId])
      expect(idsIn(published, "signatures")).toEqual(["one.test"])
      expect(readServerKeys(published, "one.test", nativeSignatures)).toMatchObject({
        keys: { oldVerifyKeys: new Map([["ed25519:a", { publicKey: keyA.publicKey, expiredTs: 60_000 }]]) },
      })
    }),
  )

  it.effect("signs requests from then on; the one before proves none to whoever has heard of it", () =>
    Effect.gen(function* () {
      const { wire, one, two, isGood } = yield* pair
      expect(yield* isGood("ed25519:a")).toBe(true)
      yield* TestClock.adjust("1 second")
      const { keyId } = yield* one.identity.rotateKey
      yield* one.client.call("two.test", (api) => api.history.event({ params: { eventId: "$e" } }))
      expect(wire.sent.at(-1)!.source).toBe("two.test")
      expect(two.received.length).toBe(1)
      expect(yield* isGood(keyId)).toBe(true)
      expect(yield* isGood("ed25519:a")).toBe(false)
    }),
  )

  it.effect("vouches for other servers' keys", () =>
    Effect.gen(function* () {
      const { one } = yield* pair
      const { keyId } = yield* one.identity.rotateKey
      const [vouched] = yield* one.keyRing.vouchedKeys("two.test", 0)
      const signed = vouched?.signatures as { readonly [server: string]: JsonObject }
      expect(Object.keys(signed["one.test"]!)).toEqual([keyId])
    }),
  )

  it.effect("has an id that was not there before, however often it is changed, also all at once", () =>
    Effect.gen(function* () {
      const { one } = yield* pair
      const rotated = Effect.map(one.identity.rotateKey, ({ keyId }) => keyId)
      const ids = yield* Effect.all([rotated, rotated, rotated], { concurrency: "unbounded" })
      expect(new Set(["ed25519:a", ...ids]).size).toBe(4)
      for (const id of ids) expect(id).toMatch(/^ed25519:[a-zA-Z0-9_]+$/)
      expect(one.identity.oldKeys.map(({ keyId }) => keyId)).toEqual(["ed25519:a", ...ids.slice(0, 2)])
    }),
  )
})

describe("a restart", () => {
  it.effect("finds the key that signed last, and all old ones", () =>
    Effect.gen(function* () {
      const { one, start } = yield* pair
      yield* one.identity.rotateKey
      yield* TestClock.adjust("1 minute")
      yield* one.identity.rotateKey
      const again = yield* start
      expect(again.identity.signingKey).toEqual(one.identity.signingKey)
      const byId = (keys: typeof one.identity.oldKeys) => new Map(keys.map((key) => [key.keyId, key]))
      expect(byId(again.identity.oldKeys)).toEqual(byId(one.identity.oldKeys))
      const third = yield* again.identity.rotateKey
      expect((yield* start).identity.signingKey).toEqual(third)
    }),
  )

  it.effect("in the middle of a rotation goes on with the new key; the old one has expired by then", () =>
    Effect.gen(function* () {
      const { one, disk, start } = yield* pair
      const key = yield* one.identity.rotateKey
      disk.records.get("signing-keys")!.delete("ed25519:a")
      yield* TestClock.adjust("1 minute")
      const { identity } = yield* start
      expect(identity.signingKey).toEqual(key)
      expect(identity.oldKeys).toMatchObject([{ keyId: "ed25519:a", expiredTs: 60_000 }])
      expect((yield* start).identity.oldKeys).toEqual(identity.oldKeys)
    }),
  )

  it.effect("keeps no seed of a key that signs no longer", () =>
    Effect.gen(function* () {
      const { one, disk } = yield* pair
      const { keyId } = yield* one.identity.rotateKey
      yield* one.identity.rotateKey
      expect(disk.records.get("signing-keys")!.get(keyId)).not.toHaveProperty("seed")
    }),
  )
})
