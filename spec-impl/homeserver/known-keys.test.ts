/** What each key is good for, by who told it, when it was heard, and how the validity is read. */
import { describe, expect, it } from "vitest"
import { keyFromByte } from "../federation/testing/servers.ts"
import { type KeyReadings, KnownKeys } from "./known-keys.ts"

const keyA = keyFromByte("ed25519:a", 1).publicKey
const keyB = keyFromByte("ed25519:b", 2).publicKey
const weekMs = 7 * 24 * 60 * 60 * 1_000
const readings: KeyReadings = { keyValidityClamp: "when-heard", expiredKeysBefore5: "ignored" }

type Named = Readonly<Record<string, Uint8Array>>

const keysOf = (
  validUntilTs: number,
  current: Named,
  old: Readonly<Record<string, [Uint8Array, number]>> = {},
) => ({
  validUntilTs,
  verifyKeys: new Map(Object.entries(current)),
  oldVerifyKeys: new Map(
    Object.entries(old).map(([keyId, [publicKey, expiredTs]]) => [keyId, { publicKey, expiredTs }]),
  ),
})

describe("a key that its server no longer names", () => {
  const known = new KnownKeys(readings)
  known.learn(keysOf(100, { a: keyA }), "itself", 0)
  known.learn(keysOf(200, { b: keyB }), "itself", 0)

  it("proves no request any more", () => {
    expect(known.forRequest("a", 50)).toBeUndefined()
    expect(known.forRequest("b", 50)).toEqual(keyB)
  })

  it("proves events of its time as before", () => {
    expect(known.forEvent("a", 100, "enforced", 50)).toEqual(keyA)
    expect(known.forEvent("a", 101n, "enforced", 50)).toBeUndefined()
    expect(known.forEvent("a", 101n, "ignored", 50)).toEqual(keyA)
  })
})

describe("an old key", () => {
  const known = (changes: Partial<KeyReadings> = {}) => {
    const keys = new KnownKeys({ ...readings, ...changes })
    keys.learn(keysOf(900, { b: keyB }, { a: [keyA, 50] }), "itself", 0)
    return keys
  }

  it("proves events up to when it expired, in every room version (§Validating hashes and signatures)", () => {
    for (const validity of ["enforced", "ignored"] as const) {
      expect(known().forEvent("a", 50, validity, 60)).toEqual(keyA)
      expect(known().forEvent("a", 51, validity, 60)).toBeUndefined()
    }
  })

  it("proves later ones too in rooms 1–4, on the other reading", () => {
    const accepting = known({ expiredKeysBefore5: "accepted" })
    expect(accepting.forEvent("a", 51, "ignored", 60)).toEqual(keyA)
    expect(accepting.forEvent("a", 51, "enforced", 60)).toBeUndefined()
  })
})

describe("a valid_until_ts in the far future (divergence 17)", () => {
  /** Until when a key, heard at 50, proves events at `nowMs`. */
  const lastTs = (keyValidityClamp: KeyReadings["keyValidityClamp"], nowMs: number, validUntilTs = 9e15) => {
    const known = new KnownKeys({ ...readings, keyValidityClamp })
    known.learn(keysOf(validUntilTs, { a: keyA }), "itself", 50)
    return [validUntilTs, nowMs + weekMs, 50 + weekMs].find(
      (ts) =>
        known.forEvent("a", ts, "enforced", nowMs) !== undefined &&
        known.forEvent("a", ts + 1, "enforced", nowMs) === undefined,
    )
  }

  it("is believed for seven days after the keys were heard", () => {
    expect(lastTs("when-heard", 70)).toBe(50 + weekMs)
    expect(lastTs("when-heard", 70, 50 + weekMs - 1)).toBe(50 + weekMs - 1)
  })

  it("is believed for seven days from each check, or as it is: other readings", () => {
    expect(lastTs("when-checked", 70)).toBe(70 + weekMs)
    expect(lastTs("none", 70)).toBe(9e15)
  })

  it("needs another look after seven days where it is read so", () => {
    for (const [keyValidityClamp, isGood] of [
      ["when-heard", false],
      ["when-checked", true],
      ["none", true],
    ] as const) {
      const known = new KnownKeys({ ...readings, keyValidityClamp })
      known.learn(keysOf(9e15, { a: keyA }), "itself", 0)
      expect(known.forRequest("a", weekMs + 1) !== undefined).toBe(isGood)
    }
  })
})

describe("what a notary says", () => {
  it("adds keys, and those that are newer than the server's own word are current", () => {
    const known = new KnownKeys(readings)
    known.learn(keysOf(100, { b: keyB }), "itself", 0)
    known.learn(keysOf(99, { a: keyA }), "notary", 0)
    expect(known.forEvent("a", 99, "enforced", 0)).toEqual(keyA)
    expect(known.forRequest("a", 0)).toBeUndefined()
    known.learn(keysOf(101, { c: keyA }), "notary", 0)
    expect(known.forRequest("c", 0)).toEqual(keyA)
    expect(known.forRequest("b", 0)).toEqual(keyB)
  })

  it("brings no expired key back, and makes no validity shorter", () => {
    const known = new KnownKeys(readings)
    known.learn(keysOf(100, { b: keyB }, { a: [keyA, 50] }), "itself", 0)
    known.learn(keysOf(900, { a: keyA }), "notary", 0)
    known.learn(keysOf(20, { b: keyB }), "notary", 0)
    expect(known.forEvent("a", 51, "enforced", 0)).toBeUndefined()
    expect(known.forRequest("a", 0)).toBeUndefined()
    expect(known.forEvent("b", 100, "enforced", 0)).toEqual(keyB)
  })

  it("may tell that a key has expired, and that one is good for longer", () => {
    const known = new KnownKeys(readings)
    known.learn(keysOf(100, { a: keyA, b: keyB }), "itself", 0)
    known.learn(keysOf(900, { b: keyB }, { a: [keyA, 50] }), "notary", 0)
    expect(known.forEvent("a", 51, "enforced", 0)).toBeUndefined()
    expect(known.forEvent("b", 900, "enforced", 0)).toEqual(keyB)
  })
})

describe("a key id that is used again for another key", () => {
  it("stands for the first one that its server told", () => {
    const known = new KnownKeys(readings)
    known.learn(keysOf(100, { a: keyA }), "itself", 0)
    known.learn(keysOf(200, { a: keyB }), "itself", 0)
    known.learn(keysOf(300, { a: keyB }), "notary", 0)
    expect(known.forEvent("a", 50, "enforced", 0)).toEqual(keyA)
  })

  it("stands for what its server tells, once it does, and not for what a notary made up", () => {
    const known = new KnownKeys(readings)
    known.learn(keysOf(900, { a: keyB }), "notary", 0)
    expect(known.forRequest("a", 50)).toEqual(keyB)
    known.learn(keysOf(100, { a: keyA }), "itself", 0)
    expect(known.forRequest("a", 50)).toEqual(keyA)
  })
})

it("what is kept is read back", () => {
  const known = new KnownKeys(readings)
  known.learn(keysOf(100, { b: keyB }, { a: [keyA, 50] }), "itself", 7)
  known.learn(keysOf(99, { c: keyA }), "notary", 8)
  const again = KnownKeys.fromJson(known.toJson(), readings)
  expect(again).toEqual(known)
  expect(again.toJson()).toEqual(known.toJson())
})

describe("a server that names other keys each time", () => {
  it("has a thousand of them known, of which those in use stay", () => {
    const keys = new KnownKeys(readings)
    keys.learn(keysOf(100, { first: keyA }), "itself", 0)
    for (let nth = 0; nth < 1_200; nth++) {
      keys.learn(keysOf(100, { [`k${nth}`]: keyA, steady: keyB }), "itself", 0)
    }
    expect(keys.has("first")).toBe(false)
    expect(keys.has("k0")).toBe(false)
    expect(["k300", "k1199", "steady"].map((keyId) => keys.has(keyId))).toEqual([true, true, true])
  })
})
