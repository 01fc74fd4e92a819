/**
 * All layers accept exactly the same signatures, honest or crafted, under each acceptance; and what
 * `libsodium` accepts is what libsodium's own checks leave.
 */
import * as ed25519 from "@noble/ed25519"
import { sha512 } from "@noble/hashes/sha2.js"
import { Effect } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Acceptance } from "./acceptance.ts"
import { memoised } from "./memo.ts"
import { layerNative, layerNativeThreaded, nativeSignatures } from "./native.ts"
import { layerNoble, nobleSignatures } from "./noble.ts"
import { Signatures } from "./signatures.ts"

const { Point } = ed25519
const order = Point.CURVE().n
const acceptances: readonly Acceptance[] = ["libsodium", "rfc8032", "zip215"]
const layers = {
  noble: nobleSignatures,
  node: (acceptance: Acceptance) => nativeSignatures(acceptance, "node"),
  sodium: (acceptance: Acceptance) => nativeSignatures(acceptance, "sodium"),
}
const message = new TextEncoder().encode("split brain")

const bytesOf = (value: bigint): Uint8Array => {
  const bytes = new Uint8Array(32)
  for (let at = 0, rest = value; at < 32; at++, rest >>= 8n) bytes[at] = Number(rest & 0xffn)
  return bytes
}
const numberOf = (bytes: Uint8Array): bigint =>
  bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
const challengeOf = (r: Uint8Array, a: Uint8Array): bigint =>
  numberOf(sha512(Buffer.concat([r, a, message]))) % order
const joined = (r: Uint8Array, s: bigint): Uint8Array => new Uint8Array([...r, ...bytesOf(s)])
const times = (point: ed25519.Point, scalar: bigint) =>
  scalar === 0n ? Point.ZERO : point.multiply(scalar, false)

/** A point of order eight, and so all of the torsion as its multiples. */
const torsion = (() => {
  const eighth = Point.fromBytes(
    new Uint8Array(Buffer.from("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "hex")),
    true,
  )
  return Array.from({ length: 8 }, (_, multiple) => times(eighth, BigInt(multiple)))
})()

/** Encodings of small-order points that are not canonical: y + p, and a sign where x is 0. */
const oddEncodings = ["ee", "ed"].flatMap((first) =>
  ["7f", "ff"].map((last) => new Uint8Array(Buffer.from(`${first}${"ff".repeat(30)}${last}`, "hex"))),
)
const negativeZeros = [`01${"00".repeat(30)}80`, `ec${"ff".repeat(31)}`].map(
  (hex) => new Uint8Array(Buffer.from(hex, "hex")),
)

const secret = 123456789123456789n
const nonce = 987654321987654321n

/** Name, public key, signature, and who accepts it. */
type Crafted = readonly [string, Uint8Array, Uint8Array, Readonly<Record<Acceptance, boolean>>]
const verdicts = (libsodium: boolean, rfc8032: boolean, zip215: boolean) => ({ libsodium, rfc8032, zip215 })

const honestKey = times(Point.BASE, secret).toBytes()
const honestCommitment = times(Point.BASE, nonce).toBytes()
const honestScalar = (nonce + challengeOf(honestCommitment, honestKey) * secret) % order

/** Key A = a·B + T and commitment R = r·B + U, signed as if there were no torsion. */
const mixed = (keyTorsion: ed25519.Point, commitmentTorsion: ed25519.Point) => {
  const key = times(Point.BASE, secret).add(keyTorsion).toBytes()
  const commitment = times(Point.BASE, nonce).add(commitmentTorsion).toBytes()
  const scalar = (nonce + challengeOf(commitment, key) * secret) % order
  const holds = times(keyTorsion, challengeOf(commitment, key) % 8n)
    .add(commitmentTorsion)
    .equals(Point.ZERO)
  return { key, commitment, scalar, holds }
}

const crafted: readonly Crafted[] = [
  ["honest", honestKey, joined(honestCommitment, honestScalar), verdicts(true, true, true)],
  ["S + L", honestKey, joined(honestCommitment, honestScalar + order), verdicts(false, false, false)],
  ["S = L", honestKey, joined(honestCommitment, order), verdicts(false, false, false)],
  [
    "too short",
    honestKey,
    joined(honestCommitment, honestScalar).subarray(0, 63),
    verdicts(false, false, false),
  ],
  [
    "a short key",
    honestKey.subarray(1),
    joined(honestCommitment, honestScalar),
    verdicts(false, false, false),
  ],
  ...torsion.flatMap((keyPoint, a) =>
    torsion.map((commitmentPoint, r): Crafted => {
      const key = keyPoint.toBytes()
      const commitment = commitmentPoint.toBytes()
      const holds = times(keyPoint, challengeOf(commitment, key) % 8n)
        .add(commitmentPoint)
        .equals(Point.ZERO)
      return [`key ${a}·T, R ${r}·T, S 0`, key, joined(commitment, 0n), verdicts(false, holds, true)]
    }),
  ),
  ...[...oddEncodings, ...negativeZeros].map(
    (key): Crafted => [
      `key ${Buffer.from(key).toString("hex")}`,
      key,
      joined(Point.ZERO.toBytes(), 0n),
      verdicts(false, false, true),
    ],
  ),
  ...[...oddEncodings, ...negativeZeros].map(
    (commitment): Crafted => [
      `R ${Buffer.from(commitment).toString("hex")}`,
      honestKey,
      joined(commitment, (challengeOf(commitment, honestKey) * secret) % order),
      verdicts(false, false, true),
    ],
  ),
  ...torsion.flatMap((keyTorsion, a) =>
    torsion.map((commitmentTorsion, r): Crafted => {
      const { key, commitment, scalar, holds } = mixed(keyTorsion, commitmentTorsion)
      return [`mixed key +${a}·T, R +${r}·T`, key, joined(commitment, scalar), verdicts(holds, holds, true)]
    }),
  ),
]

describe("crafted signatures", () => {
  for (const acceptance of acceptances) {
    for (const [layer, make] of Object.entries(layers)) {
      it(`${layer} accepts what ${acceptance} accepts`, () => {
        const { verify } = make(acceptance)
        const accepted = crafted.map(([name, key, signature]) => [name, verify(key, message, signature)])
        expect(accepted).toEqual(crafted.map(([name, , , wanted]) => [name, wanted[acceptance]]))
      })
    }
  }

  it("the crafted set tells the acceptances apart", () => {
    const told = new Set(crafted.map(([, , , wanted]) => JSON.stringify(wanted)))
    expect(told.size).toBeGreaterThanOrEqual(4)
  })
})

describe("honest signatures", () => {
  it("RFC 8032 §7.1, test 2", () => {
    const seed = Buffer.from("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "hex")
    const publicKey = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    const signature =
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    for (const make of Object.values(layers)) {
      const signatures = make("libsodium")
      expect(Buffer.from(signatures.publicKey(seed)).toString("hex")).toBe(publicKey)
      expect(Buffer.from(signatures.sign(seed, new Uint8Array([0x72]))).toString("hex")).toBe(signature)
    }
  })

  it("hold in all layers, and no longer with a bit flipped", () => {
    const [noble, ...others] = Object.values(layers).map((make) => make("libsodium"))
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
    fc.assert(
      fc.property(bytes(32), fc.uint8Array({ maxLength: 80 }), fc.nat(511), (seed, text, bit) => {
        const signature = noble!.sign(seed, text)
        const publicKey = noble!.publicKey(seed)
        const flipped = signature.slice()
        flipped[bit >> 3]! ^= 1 << (bit & 7)
        for (const layer of others) {
          expect(layer.sign(seed, text)).toEqual(signature)
          expect(layer.publicKey(seed)).toEqual(publicKey)
        }
        for (const layer of [noble!, ...others]) {
          expect(layer.verify(publicKey, text, signature)).toBe(true)
          expect(layer.verify(publicKey, text, flipped)).toBe(false)
        }
      }),
      { numRuns: 25 },
    )
  })
})

describe("the service", () => {
  const checks = crafted.slice(0, 20).map(([, publicKey, signature]) => ({ publicKey, message, signature }))
  for (const [name, layer] of [
    ["noble", layerNoble("libsodium")],
    ["node", layerNative("libsodium", "node")],
    ["node on threads", layerNativeThreaded("libsodium", "node")],
    ["sodium", layerNative("libsodium", "sodium")],
    ["sodium on threads", layerNativeThreaded("libsodium", "sodium")],
  ] as const) {
    it(`${name} verifies many, in order`, async () => {
      const verifyAll = Effect.flatMap(Signatures, (signatures) => {
        const verification = signatures.begin()
        verification.add(checks)
        return verification.verdicts
      })
      const verdictsGiven = await Effect.runPromise(Effect.provide(verifyAll, layer))
      expect(verdictsGiven).toEqual([true, ...checks.slice(1).map(() => false)])
    })
  }
})

describe("the memo", () => {
  const seed = new Uint8Array(32).fill(7)

  it("knows what was asked before, and what was signed here", () => {
    const memo = memoised(nativeSignatures("libsodium"))
    const publicKey = memo.publicKey(seed)
    const signature = memo.sign(seed, message)
    expect(memo.verify(publicKey, message, signature)).toBe(true)
    expect(memo.hits()).toBe(1)
    const other = message.slice()
    other[0]! ^= 1
    expect(memo.verify(publicKey, other, signature)).toBe(false)
    expect(memo.hits()).toBe(1)
    expect(memo.verify(publicKey, other, signature)).toBe(false)
    expect(memo.hits()).toBe(2)
  })

  it("forgets the oldest", () => {
    const memo = memoised(nativeSignatures("libsodium"), 2)
    const publicKey = memo.publicKey(seed)
    const signatures = [1, 2, 3].map((byte) => memo.sign(seed, new Uint8Array([byte])))
    expect(memo.verify(publicKey, new Uint8Array([1]), signatures[0]!)).toBe(true)
    expect(memo.hits()).toBe(0)
    expect(memo.verify(publicKey, new Uint8Array([3]), signatures[2]!)).toBe(true)
    expect(memo.hits()).toBe(1)
  })
})
