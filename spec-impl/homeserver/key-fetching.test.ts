/** Where keys come from when their server gives none: notaries, as far as they are to be believed; and the own store. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { parseEvent } from "../core/event-format.ts"
import { canonicalJsonBytes } from "../core/json/encode.ts"
import { isJsonObject, type JsonObject } from "../core/json/value.ts"
import { roomVersion } from "../core/room-version.ts"
import { signEvent, signJson } from "../core/signing.ts"
import { readJson } from "../federation/json-body.ts"
import {
  keyFromByte,
  makeWire,
  nativeSignatures,
  startServer,
  type TestWire,
} from "../federation/testing/servers.ts"
import { MemoryDisk } from "../store/memory.ts"
import { publishedKeys } from "./server-keys.ts"
import type { SigningKey } from "./signatures/signing-key.ts"

const key = {
  asker: keyFromByte("ed25519:s", 1),
  notary: keyFromByte("ed25519:n", 2),
  other: keyFromByte("ed25519:o", 3),
  gone: keyFromByte("ed25519:1", 4),
  later: keyFromByte("ed25519:2", 5),
  fake: keyFromByte("ed25519:fake", 6),
}
const dayMs = 24 * 60 * 60 * 1_000

/** A message of a server, gone.test, in a room of version 10, signed with that key. */
const messageBy = (signer: SigningKey, originServerTs = 10, server = "gone.test") => {
  const version = roomVersion("10")!
  const pdu = {
    ...{ type: "m.room.message", room_id: "!room:one.test", sender: `@user:${server}` },
    ...{ content: {}, origin_server_ts: originServerTs, depth: 1, auth_events: [], prev_events: [] },
  }
  const sign = (bytes: Uint8Array) => nativeSignatures.sign(signer.seed, bytes)
  const parsed = parseEvent(signEvent(pdu, version, server, signer.keyId, sign), version)
  if ("problem" in parsed) throw new Error(parsed.problem)
  return parsed.event
}

/** gone.test, which both notaries have heard and which is gone then; and a server that has not. */
const afterwards = Effect.gen(function* () {
  const wire = makeWire()
  const notary = yield* startServer(wire, "notary.test", key.notary)
  const other = yield* startServer(wire, "other.test", key.other)
  const gone = yield* startServer(wire, "gone.test", key.gone)
  yield* notary.keyRing.vouchedKeys("gone.test", 0)
  yield* other.keyRing.vouchedKeys("gone.test", 0)
  const disk = new MemoryDisk()
  const settings = { notaries: ["notary.test", "other.test"] }
  const start = startServer(wire, "asker.test", key.asker, [], { disk, settings })
  const asker = yield* start
  const verify = (signer: SigningKey, originServerTs?: number, by = asker) =>
    Effect.map(
      by.keyRing.verifyEvents([messageBy(signer, originServerTs)], roomVersion("10")!),
      ([outcome]) => outcome === "verified",
    )
  const leave = Effect.sync(() => void wire.handlers.delete("gone.test"))
  const asked = (server: string) =>
    wire.sent.filter(({ source, destination }) => source === "asker.test" && destination === server)
  return { wire, notary, other, gone, asker, start, verify, leave, asked }
})

/** Has answers of `/query` say something else. */
const lie = (wire: TestWire, answerOf: (given: JsonObject) => JsonObject | undefined) => {
  wire.tamperAnswer = (response) => {
    const body = readJson(response.body)
    const given = isJsonObject(body) && Array.isArray(body.server_keys) ? body : undefined
    const answer = given === undefined ? undefined : answerOf(given)
    return answer === undefined ? response : { ...response, body: canonicalJsonBytes(answer) }
  }
}

const keyObjectOf = (signingKey: SigningKey, validUntilTs: number, vouching?: SigningKey): JsonObject => {
  const identity = { serverName: "gone.test", signingKey, oldKeys: [] }
  const object = publishedKeys(identity, validUntilTs, nativeSignatures)
  if (vouching === undefined) return object
  const sign = (bytes: Uint8Array) => nativeSignatures.sign(vouching.seed, bytes)
  return signJson(object, "notary.test", vouching.keyId, sign)
}

describe("notaries", () => {
  it.effect("are asked for keys of a server that is gone, with the time until when they must be good", () =>
    Effect.gen(function* () {
      const { verify, leave, asked } = yield* afterwards
      yield* leave
      expect(yield* verify(key.gone, 777)).toBe(true)
      const body = readJson(asked("notary.test").find(({ method }) => method === "POST")!.body)
      expect(body).toEqual({
        server_keys: { "gone.test": { "ed25519:1": { minimum_valid_until_ts: 777 } } },
      })
      expect(asked("other.test")).toEqual([])
    }),
  )

  it.effect("are asked in turn until one has the key: the first may have heard of an older one only", () =>
    Effect.gen(function* () {
      const { wire, other, verify, leave, asked } = yield* afterwards
      yield* startServer(wire, "gone.test", key.later)
      yield* TestClock.adjust("13 hours")
      yield* other.keyRing.vouchedKeys("gone.test", 0)
      yield* leave
      expect(yield* verify(key.later)).toBe(true)
      expect(asked("notary.test").length).toBeGreaterThan(0)
      // The older key is known now as well, and proves events; requests are proved by the newer one.
      expect(yield* verify(key.gone)).toBe(true)
    }),
  )

  it.effect("are asked for an old key that its server has lost, and which proves no request", () =>
    Effect.gen(function* () {
      const { wire, asker, verify } = yield* afterwards
      yield* TestClock.adjust("1 hour")
      yield* startServer(wire, "gone.test", key.later)
      expect(yield* verify(key.gone)).toBe(true)
      yield* asker.keyRing.keyForRequest("gone.test", "ed25519:2")
      yield* Effect.flip(asker.keyRing.keyForRequest("gone.test", "ed25519:1"))
    }),
  )

  it.effect("are not asked which keys prove requests of a server that answers itself", () =>
    Effect.gen(function* () {
      const { asker, asked } = yield* afterwards
      yield* Effect.flip(asker.keyRing.keyForRequest("gone.test", "ed25519:made_up"))
      expect(asked("notary.test")).toEqual([])
    }),
  )

  it.effect("are believed only if they vouch for what they tell, and tell what its server signed", () =>
    Effect.gen(function* () {
      for (const [object, isBelieved] of [
        [keyObjectOf(key.fake, dayMs, key.notary), true],
        [keyObjectOf(key.fake, dayMs), false],
        [keyObjectOf(key.fake, dayMs, key.fake), false],
        [{ ...keyObjectOf(key.fake, dayMs, key.notary), valid_until_ts: 2 * dayMs }, false],
        [{ ...keyObjectOf(key.fake, dayMs, key.notary), server_name: "other.test" }, false],
      ] as const) {
        const { wire, verify, leave } = yield* afterwards
        yield* leave
        lie(wire, () => ({ server_keys: [object] }))
        expect(yield* verify(key.fake)).toBe(isBelieved)
      }
    }),
  )

  it.effect("that lied are not believed any more once the server speaks for itself", () =>
    Effect.gen(function* () {
      const { wire, asker, leave } = yield* afterwards
      const { fake } = { fake: { ...key.fake, keyId: "ed25519:1" } }
      const handler = wire.handlers.get("gone.test")!
      yield* leave
      lie(wire, () => ({ server_keys: [keyObjectOf(fake, dayMs, key.notary)] }))
      expect(yield* asker.keyRing.keyForRequest("gone.test", "ed25519:1")).toEqual(fake.publicKey)
      wire.handlers.set("gone.test", handler)
      yield* TestClock.adjust("25 hours")
      expect(yield* asker.keyRing.keyForRequest("gone.test", "ed25519:1")).toEqual(key.gone.publicKey)
    }),
  )

  it.effect("do not wait for each other", () =>
    Effect.gen(function* () {
      const wire = makeWire()
      const names = ["one.test", "two.test"]
      const settings = { notaries: names }
      const one = yield* startServer(wire, "one.test", key.notary, [], { settings })
      const two = yield* startServer(wire, "two.test", key.other, [], { settings })
      const outcomes = yield* Effect.all(
        [one, two].map(({ keyRing }) => Effect.flip(keyRing.keyForRequest("gone.test", "ed25519:1"))),
        { concurrency: "unbounded" },
      )
      expect(outcomes.map(({ reason }) => reason)).toEqual(["gone.test: refused", "gone.test: refused"])
    }),
  )

  it.effect("are left alone for a while when they have not got it either", () =>
    Effect.gen(function* () {
      const { verify, leave, asked } = yield* afterwards
      yield* leave
      for (let second = 0; second < 20; second++) {
        expect(yield* verify(key.fake)).toBe(false)
        yield* TestClock.adjust("1 second")
      }
      expect(asked("notary.test").filter(({ method }) => method === "POST").length).toBe(5)
    }),
  )
})

describe("notaries that are asked first", () => {
  /** Three servers, their notary, and one that has events of all three. */
  const many = Effect.gen(function* () {
    const wire = makeWire()
    // In the order of canonical JSON.
    const keys = { "one.test": key.gone, "three.test": key.other, "two.test": key.later }
    const servers = Object.keys(keys)
    for (const [server, signingKey] of Object.entries(keys)) yield* startServer(wire, server, signingKey)
    yield* startServer(wire, "notary.test", key.notary)
    const settings = { notaries: ["notary.test"], notariesFirst: true }
    const asker = yield* startServer(wire, "asker.test", key.asker, [], { settings })
    const messages = Object.entries(keys).map(([server, signer]) => messageBy(signer, 10, server))
    const verify = Effect.map(asker.keyRing.verifyEvents(messages, roomVersion("10")!), (outcomes) =>
      outcomes.map((outcome) => outcome === "verified"),
    )
    const asked = () =>
      wire.sent.flatMap(({ source, destination, method }) =>
        source === "asker.test" ? `${method} ${destination}` : [],
      )
    return { wire, servers, asker, verify, asked }
  })
  const toldAll = ["POST notary.test", "GET notary.test"]

  it.effect("tell the keys of many servers at once, which nobody asks then", () =>
    Effect.gen(function* () {
      const { wire, servers, verify, asked } = yield* many
      expect(yield* verify).toEqual([true, true, true])
      expect(asked()).toEqual(toldAll)
      const body = readJson(wire.sent.find(({ method }) => method === "POST")!.body)
      expect(Object.keys((body as { server_keys: JsonObject }).server_keys)).toEqual(servers)
    }),
  )

  it.effect("are asked once by all who want keys at the time", () =>
    Effect.gen(function* () {
      const { verify, asked } = yield* many
      const both = yield* Effect.all([verify, verify], { concurrency: "unbounded" })
      expect(both.flat()).toEqual(Array(6).fill(true))
      expect(asked()).toEqual(toldAll)
    }),
  )

  it.effect("leave servers that they do not tell of to be asked themselves", () =>
    Effect.gen(function* () {
      const { wire, verify, asked } = yield* many
      lie(wire, ({ server_keys }) => ({ server_keys: (server_keys as JsonObject[]).slice(1) }))
      expect(yield* verify).toEqual([true, true, true])
      expect(asked()).toEqual([...toldAll, "GET one.test"])
    }),
  )

  it.effect("are believed only in what they vouch for", () =>
    Effect.gen(function* () {
      const { wire, servers, verify, asked } = yield* many
      lie(wire, ({ server_keys }) => ({
        server_keys: (server_keys as JsonObject[]).map((keys) => {
          const { "notary.test": _, ...own } = keys.signatures as JsonObject
          return { ...keys, signatures: own }
        }),
      }))
      expect(yield* verify).toEqual([true, true, true])
      expect(asked()).toEqual(["POST notary.test", ...servers.map((server) => `GET ${server}`)])
    }),
  )

  it.effect("that are away leave all servers to be asked themselves, and are left alone for a while", () =>
    Effect.gen(function* () {
      const { wire, servers, verify, asked } = yield* many
      wire.handlers.delete("notary.test")
      for (const server of servers.slice(1)) wire.handlers.delete(server)
      for (let second = 0; second < 20; second++) {
        expect(yield* verify).toEqual([true, false, false])
        yield* TestClock.adjust("1 second")
      }
      expect(asked().filter((request) => request === "GET one.test")).toHaveLength(1)
      expect(asked().filter((request) => request === "POST notary.test")).toHaveLength(5)
    }),
  )

  it.effect("are asked for a hundred servers at a time", () =>
    Effect.gen(function* () {
      const { wire, asker } = yield* many
      const messages = Array.from({ length: 250 }, (_, nth) => messageBy(key.fake, 10, `s${nth}.test`))
      yield* asker.keyRing.verifyEvents(messages, roomVersion("10")!)
      const bodies = wire.sent.filter(({ method }) => method === "POST").map(({ body }) => readJson(body))
      const sizes = bodies.map(
        (body) => Object.keys((body as { server_keys: JsonObject }).server_keys).length,
      )
      expect(sizes).toEqual([100, 100, 50])
    }),
  )
})

describe("a restart", () => {
  it.effect("forgets no key of a server that is gone by then, nor what each is good for", () =>
    Effect.gen(function* () {
      const { wire, start, verify, leave } = yield* afterwards
      yield* startServer(wire, "gone.test", key.later, [{ ...key.gone, expiredTs: 500 }])
      expect(yield* verify(key.gone, 500)).toBe(true)
      yield* leave
      for (const server of ["notary.test", "other.test"]) wire.handlers.delete(server)
      const again = yield* start
      expect(yield* verify(key.gone, 500, again)).toBe(true)
      expect(yield* verify(key.gone, 501, again)).toBe(false)
      expect(yield* verify(key.later, dayMs, again)).toBe(true)
      expect(yield* again.keyRing.keyForRequest("gone.test", "ed25519:2")).toEqual(key.later.publicKey)
    }),
  )
})
