/** Keys are published, fetched once for all who want them, believed within their validity, and asked for again in time. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { canonicalJsonBytes } from "../core/json/encode.ts"
import { isJsonObject, type JsonObject } from "../core/json/value.ts"
import { readJson } from "../federation/json-body.ts"
import { keyFromByte, makeWire, startServer, type TestServer } from "../federation/testing/servers.ts"
import { WireError } from "../federation/wire.ts"

const keyA = keyFromByte("ed25519:a", 1)
const keyB = keyFromByte("ed25519:b", 2)

const pair = Effect.gen(function* () {
  const wire = makeWire()
  const one = yield* startServer(wire, "one.test", keyA)
  const two = yield* startServer(wire, "two.test", keyB)
  return { wire, one, two }
})

const reasonFor = (server: TestServer, of: string, keyId: string) =>
  Effect.map(Effect.result(server.keyRing.keyForRequest(of, keyId)), (result) =>
    result._tag === "Success" ? undefined : result.failure.reason,
  )

describe("the published keys", () => {
  it.effect("are signed, valid for a day, and renewed", () =>
    Effect.gen(function* () {
      const wire = makeWire()
      const old = { keyId: "ed25519:old", publicKey: keyB.publicKey, expiredTs: 5 }
      const one = yield* startServer(wire, "one.test", keyA, [old])
      const published = yield* one.keyRing.published
      expect(published).toMatchObject({
        server_name: "one.test",
        valid_until_ts: 86_400_000,
        old_verify_keys: { "ed25519:old": { expired_ts: 5 } },
      })
      yield* TestClock.adjust("30 minutes")
      expect(yield* one.keyRing.published).toBe(published)
      yield* TestClock.adjust("31 minutes")
      expect(yield* one.keyRing.published).toMatchObject({ valid_until_ts: 86_400_000 + 61 * 60_000 })
    }),
  )
})

describe("keys of others", () => {
  it.effect("are fetched once for all who want them", () =>
    Effect.gen(function* () {
      const { wire, two } = yield* pair
      const keys = yield* Effect.all(
        Array.from({ length: 5 }, () => two.keyRing.keyForRequest("one.test", "ed25519:a")),
        { concurrency: "unbounded" },
      )
      expect(keys).toEqual(Array(5).fill(keyA.publicKey))
      yield* two.keyRing.keyForRequest("one.test", "ed25519:a")
      expect(wire.sent.length).toBe(1)
    }),
  )

  it.effect("reach the others when the first who asked is interrupted", () =>
    Effect.gen(function* () {
      const { wire, two } = yield* pair
      wire.tamper = (request) => Effect.delay(Effect.succeed(request), "1 second")
      const ask = Effect.forkChild(two.keyRing.keyForRequest("one.test", "ed25519:a"))
      const first = yield* ask
      const second = yield* ask
      yield* TestClock.adjust("500 millis")
      first.interruptUnsafe()
      yield* TestClock.adjust("500 millis")
      expect(second.pollUnsafe()).toMatchObject({ value: keyA.publicKey })
      expect(wire.sent.length).toBe(1)
    }),
  )

  it.effect("are fetched again when they run out, and believed for seven days at most", () =>
    Effect.gen(function* () {
      const { wire, two } = yield* pair
      expect(yield* reasonFor(two, "one.test", "ed25519:a")).toBeUndefined()
      yield* TestClock.adjust("25 hours")
      expect(yield* reasonFor(two, "one.test", "ed25519:a")).toBeUndefined()
      expect(wire.sent.length).toBe(2)
      wire.tamper = () => new WireError({ reason: "unreachable" })
      yield* TestClock.adjust("25 hours")
      expect(yield* reasonFor(two, "one.test", "ed25519:a")).toContain("unreachable")
    }),
  )

  it.effect("of an old or unknown id prove no request", () =>
    Effect.gen(function* () {
      const wire = makeWire()
      yield* startServer(wire, "one.test", keyA, [
        { keyId: "ed25519:old", publicKey: keyB.publicKey, expiredTs: 5 },
      ])
      const two = yield* startServer(wire, "two.test", keyB)
      expect(yield* reasonFor(two, "one.test", "ed25519:old")).toBe("not one of its current keys")
      expect(yield* reasonFor(two, "one.test", "ed25519:new")).toBe("not one of its current keys")
      expect(wire.sent.length).toBe(1)
      yield* startServer(wire, "one.test", keyFromByte("ed25519:new", 3))
      yield* TestClock.adjust("1 second")
      expect(yield* reasonFor(two, "one.test", "ed25519:new")).toBeUndefined()
      expect(yield* reasonFor(two, "one.test", "ed25519:a")).toBe("not one of its current keys")
    }),
  )

  it.effect("keep their id for good", () =>
    Effect.gen(function* () {
      const { wire, two } = yield* pair
      yield* two.keyRing.keyForRequest("one.test", "ed25519:a")
      yield* startServer(wire, "one.test", keyFromByte("ed25519:a", 3))
      yield* TestClock.adjust("25 hours")
      expect(yield* reasonFor(two, "one.test", "ed25519:a")).toBe("not one of its current keys")
    }),
  )

  it.effect("are asked for ever less often while their server gives none", () =>
    Effect.gen(function* () {
      const { wire, two } = yield* pair
      wire.tamper = () => new WireError({ reason: "refused" })
      for (let second = 0; second < 20; second++) {
        expect(yield* reasonFor(two, "one.test", "ed25519:a")).toContain("refused")
        yield* TestClock.adjust("1 second")
      }
      expect(wire.sent.length).toBe(5)
      wire.tamper = Effect.succeed
      yield* TestClock.adjust("1 minute")
      expect(yield* reasonFor(two, "one.test", "ed25519:a")).toBeUndefined()
    }),
  )

  const answered = (change: (keys: JsonObject) => JsonObject) =>
    Effect.gen(function* () {
      const { wire, two } = yield* pair
      wire.tamperAnswer = (response) => {
        const keys = readJson(response.body)
        return isJsonObject(keys) ? { ...response, body: canonicalJsonBytes(change(keys)) } : response
      }
      return yield* reasonFor(two, "one.test", "ed25519:a")
    })

  it.effect("are refused where the answer is not what it must be", () =>
    Effect.gen(function* () {
      const problem = "ed25519:a has not signed them"
      const other = { key: "A".repeat(43) }
      expect(yield* answered((keys) => ({ ...keys, server_name: "two.test" }))).toContain("another server")
      expect(yield* answered((keys) => ({ ...keys, valid_until_ts: 9e15 }))).toBe(problem)
      expect(yield* answered((keys) => ({ ...keys, valid_until_ts: "soon" }))).toContain("timestamp")
      expect(yield* answered((keys) => ({ ...keys, verify_keys: [] }))).toContain("not an object")
      expect(yield* answered((keys) => ({ ...keys, verify_keys: {} }))).toContain("no Ed25519 key")
      expect(
        yield* answered((keys) => ({ ...keys, verify_keys: { "ed25519:a": { key: "AAAA" } } })),
      ).toContain("not a public key")
      expect(yield* answered((keys) => ({ ...keys, verify_keys: { "ed25519:a": other } }))).toBe(problem)
      expect(yield* answered(({ signatures: _, ...keys }) => keys)).toBe(problem)
      expect(yield* answered((keys) => ({ ...keys, unsigned: { is: "not signed" } }))).toBeUndefined()
    }),
  )
})
