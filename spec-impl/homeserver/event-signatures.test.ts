/** Which signatures an event needs and what each counts for, in the versions where that differs. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { parseEvent } from "../core/event-format.ts"
import type { JsonObject } from "../core/json/value.ts"
import { roomVersion } from "../core/room-version.ts"
import { signEvent, withSignature } from "../core/signing.ts"
import { keyFromByte, makeWire, nativeSignatures, startServer } from "../federation/testing/servers.ts"
import { WireError } from "../federation/wire.ts"
import type { SigningKey } from "./signatures/signing-key.ts"

const keyOne = keyFromByte("ed25519:one", 1)
const keyTwo = keyFromByte("ed25519:two", 2)
const keyOld = keyFromByte("ed25519:old", 3)
const keyUnknown = keyFromByte("ed25519:unknown", 4)

/** When the old key of one.test expired. */
const expiredTs = 1_000

const versionOf = (id: string) => roomVersion(id)!

/** A message of one.test, with an event id of that server in rooms 1 and 2. */
const message = (id: string, changes: JsonObject = {}): JsonObject => ({
  type: "m.room.message",
  room_id: "!room:one.test",
  sender: "@user:one.test",
  content: { body: "hello" },
  origin_server_ts: 10,
  depth: 1,
  auth_events: [],
  prev_events: [],
  ...(versionOf(id).eventId === "opaque" ? { event_id: "$event:one.test" } : {}),
  ...changes,
})

const signedWith = (
  id: string,
  pdu: JsonObject,
  server: string,
  ...keys: readonly SigningKey[]
): JsonObject =>
  keys.reduce(
    (signed, { keyId, seed }) =>
      signEvent(signed, versionOf(id), server, keyId, (bytes) => nativeSignatures.sign(seed, bytes)),
    pdu,
  )

const eventOf = (id: string, pdu: JsonObject) => {
  const parsed = parseEvent(pdu, versionOf(id))
  if ("problem" in parsed) throw new Error(parsed.problem)
  return parsed.event
}

/** one.test and two.test with their keys, and a third server that verifies. */
const servers = Effect.gen(function* () {
  const wire = makeWire()
  yield* startServer(wire, "one.test", keyOne, [{ ...keyOld, expiredTs }])
  yield* startServer(wire, "two.test", keyTwo)
  const { keyRing } = yield* startServer(wire, "three.test", keyFromByte("ed25519:three", 5))
  const verify = (id: string, ...pdus: readonly JsonObject[]) =>
    keyRing.verifyEvents(
      pdus.map((pdu) => eventOf(id, pdu)),
      versionOf(id),
    )
  return { wire, keyRing, verify }
})

const failed = (text: string) => ({ failed: expect.stringContaining(text), isUnverifiable: false })
/** Another copy would be no better. */
const unverifiable = (text: string) => ({ failed: expect.stringContaining(text), isUnverifiable: true })

describe("an event needs the signature of", () => {
  it.effect.each(["1", "2", "3", "6", "11", "12"])("its sender's server, in room version %s", (id) =>
    Effect.gen(function* () {
      const { verify } = yield* servers
      const room = id === "12" ? { room_id: `!${"a".repeat(43)}` } : {}
      const pdu = message(id, room)
      expect(
        yield* verify(
          id,
          signedWith(id, pdu, "one.test", keyOne),
          signedWith(id, pdu, "two.test", keyTwo),
          { ...signedWith(id, pdu, "one.test", keyOne), depth: 2 },
          signedWith(id, pdu, "one.test", keyUnknown),
        ),
      ).toEqual([
        "verified",
        failed("one.test has not signed it"),
        failed("is wrong (ed25519:one: invalid)"),
        unverifiable("ed25519:unknown: unknown-key"),
      ])
    }),
  )

  it.effect("the server of its id as well, in rooms 1 and 2 only", () =>
    Effect.gen(function* () {
      const { verify } = yield* servers
      for (const id of ["1", "2"]) {
        const pdu = message(id, { event_id: "$event:two.test" })
        const half = signedWith(id, pdu, "one.test", keyOne)
        expect(yield* verify(id, half, signedWith(id, half, "two.test", keyTwo))).toEqual([
          failed("two.test has not signed it"),
          "verified",
        ])
        const lost = signedWith(id, half, "two.test", keyUnknown)
        const altered = { ...lost, depth: 2 }
        expect(yield* verify(id, lost, altered)).toEqual([
          unverifiable("ed25519:unknown: unknown-key"),
          unverifiable("is wrong (ed25519:one: invalid)"),
        ])
      }
      const pdu = message("3", { event_id: "$event:two.test" })
      expect(yield* verify("3", signedWith("3", pdu, "one.test", keyOne))).toEqual(["verified"])
    }),
  )

  it.effect("nobody, where it is a third party's invite", () =>
    Effect.gen(function* () {
      const { wire, verify } = yield* servers
      const content = { membership: "invite", third_party_invite: {} }
      const invite = { type: "m.room.member", state_key: "@guest:two.test", content }
      const pdu = message("10", { ...invite, hashes: { sha256: "" }, signatures: {} })
      expect(yield* verify("10", pdu)).toEqual(["verified"])
      expect(wire.sent).toEqual([])
    }),
  )

  it.effect("the server that let the user in, for a rule of its own", () =>
    Effect.gen(function* () {
      const { keyRing } = yield* servers
      const content = { membership: "join", join_authorised_via_users_server: "@admin:two.test" }
      const pdu = message("10", { type: "m.room.member", state_key: "@user:one.test", content })
      const alone = signedWith("10", pdu, "one.test", keyOne)
      const both = signedWith("10", alone, "two.test", keyTwo)
      const signed = (id: string, join: JsonObject) =>
        keyRing.restrictedJoinSignature(eventOf(id, join), versionOf(id))
      expect(yield* signed("10", alone)).toBe(false)
      expect(yield* signed("10", both)).toBe(true)
      expect(yield* signed("7", both)).toBe(false)
      expect(yield* signed("10", signedWith("10", message("10"), "one.test", keyOne))).toBe(false)
    }),
  )
})

describe("of several signatures of one server", () => {
  it.effect("a policy server's counts neither way, though its key be published", () =>
    Effect.gen(function* () {
      const { wire, verify } = yield* servers
      const policyKey = keyFromByte("ed25519:policy_server", 6)
      yield* startServer(wire, "policy.test", policyKey)
      const pdu = message("10", { sender: "@user:policy.test" })
      expect(yield* verify("10", signedWith("10", pdu, "policy.test", policyKey))).toEqual([
        failed("policy.test has not signed it"),
      ])
    }),
  )

  it.effect("those by unknown keys do not count, and all others must hold", () =>
    Effect.gen(function* () {
      const { verify } = yield* servers
      const good = signedWith("10", message("10"), "one.test", keyOne)
      const wrong = new Uint8Array(64)
      expect(
        yield* verify(
          "10",
          withSignature(good, "one.test", "ed25519:unknown", wrong),
          withSignature(good, "one.test", "ed25519:policy_server", wrong),
          withSignature(good, "two.test", "ed25519:two", wrong),
          signedWith("10", good, "one.test", keyOld),
          withSignature(good, "one.test", "ed25519:old", wrong),
        ),
      ).toEqual(["verified", "verified", "verified", "verified", failed("ed25519:old: invalid")])
    }),
  )
})

describe("the validity of keys", () => {
  it.effect("binds events from room version 5 on; that a key has expired counts in all", () =>
    Effect.gen(function* () {
      const { verify } = yield* servers
      const expired = unverifiable("expired-key")
      for (const [id, late] of [
        ["1", "verified"],
        ["4", "verified"],
        ["5", expired],
        ["12", expired],
      ] as const) {
        const at = (originServerTs: number, key: SigningKey) =>
          signedWith(
            id,
            message(id, {
              origin_server_ts: originServerTs,
              ...(id === "12" ? { room_id: `!${"a".repeat(43)}` } : {}),
            }),
            "one.test",
            key,
          )
        const day = 24 * 60 * 60 * 1_000
        expect(
          yield* verify(
            id,
            at(expiredTs, keyOld),
            at(expiredTs + 1, keyOld),
            at(day, keyOne),
            at(day + 1, keyOne),
          ),
        ).toEqual(["verified", expired, "verified", late])
      }
    }),
  )

  it.effect("is asked about again, once, when it does not reach to the event", () =>
    Effect.gen(function* () {
      const { wire, verify } = yield* servers
      const at = (originServerTs: number) =>
        signedWith("10", message("10", { origin_server_ts: originServerTs }), "one.test", keyOne)
      const hour = 60 * 60 * 1_000
      expect(yield* verify("10", at(0))).toEqual(["verified"])
      expect(wire.sent.length).toBe(1)
      yield* TestClock.adjust("2 hours")
      expect(yield* verify("10", at(23 * hour))).toEqual(["verified"])
      expect(wire.sent.length).toBe(1)
      expect(yield* verify("10", at(25 * hour), at(26 * hour), at(27 * hour))).toEqual([
        "verified",
        "verified",
        unverifiable("expired-key"),
      ])
      expect(wire.sent.length).toBe(2)
    }),
  )
})

it.effect("many events of many servers cost one request a server", () =>
  Effect.gen(function* () {
    const { wire, verify } = yield* servers
    const pdus = Array.from({ length: 30 }, (_, depth) =>
      depth % 2 === 0
        ? signedWith("10", message("10", { depth }), "one.test", keyOne)
        : signedWith("10", message("10", { depth, sender: "@user:two.test" }), "two.test", keyTwo),
    )
    wire.tamper = (request) =>
      request.destination === "two.test" ? new WireError({ reason: "refused" }) : Effect.succeed(request)
    const expected = pdus.map((_, depth) => (depth % 2 === 0 ? "verified" : unverifiable("unknown-key")))
    expect(yield* verify("10", ...pdus)).toEqual(expected)
    expect(wire.sent.map(({ destination }) => destination).sort()).toEqual(["one.test", "two.test"])
  }),
)
