/** Signatures by @noble/ed25519: portable, and the cross-check of the fast ones. */
import * as ed25519 from "@noble/ed25519"
import { sha512 } from "@noble/hashes/sha2.js"
import { Effect, Layer } from "effect"
import { type Acceptance, isRuledOut } from "./acceptance.ts"
import { type SignatureFunctions, Signatures } from "./signatures.ts"

ed25519.hashes.sha512 = sha512

const { Point } = ed25519
const orderOfBase = Point.CURVE().n

/** The functions, accepting what `acceptance` says. */
export const nobleSignatures = (acceptance: Acceptance): SignatureFunctions => ({
  publicKey: (seed) => ed25519.getPublicKey(seed),
  sign: (seed, message) => ed25519.sign(message, seed),
  verify: (publicKey, message, signature) => {
    if (isRuledOut(acceptance, publicKey, signature)) return false
    return acceptance === "zip215"
      ? verifyWithCofactor(publicKey, message, signature)
      : verifyWithoutCofactor(publicKey, message, signature)
  },
})

/** The layer: synchronous throughout. */
export const layerNoble = (acceptance: Acceptance): Layer.Layer<Signatures> =>
  Layer.succeed(Signatures, synchronously(nobleSignatures(acceptance)))

/** Many are verified one after the other, each when it is added. */
export const synchronously = (functions: SignatureFunctions): Signatures["Service"] => ({
  ...functions,
  begin: () => {
    const verdicts: boolean[] = []
    return {
      add: (checks) => {
        for (const { publicKey, message, signature } of checks) {
          verdicts.push(functions.verify(publicKey, message, signature))
        }
      },
      verdicts: Effect.succeed(verdicts),
    }
  },
})

/** noble's own verification: ZIP-215. */
export const verifyWithCofactor = (
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean => {
  try {
    return ed25519.verify(signature, message, publicKey, { zip215: true })
  } catch {
    return false
  }
}

/** R must be, byte for byte, the encoding of S·B − H(R, A, M)·A. */
export const verifyWithoutCofactor = (
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean => {
  const commitment = signature.subarray(0, 32)
  const scalar = littleEndian(signature.subarray(32))
  try {
    const key = Point.fromBytes(publicKey, true)
    const challenge = littleEndian(sha512(Buffer.concat([commitment, publicKey, message]))) % orderOfBase
    const expected = multiplied(Point.BASE, scalar).subtract(multiplied(key, challenge)).toBytes()
    return expected.every((byte, at) => byte === commitment[at])
  } catch {
    return false
  }
}

const multiplied = (point: ed25519.Point, scalar: bigint): ed25519.Point =>
  scalar === 0n ? Point.ZERO : point.multiply(scalar, false)

const littleEndian = (bytes: Uint8Array): bigint => {
  let value = 0n
  for (let at = bytes.length - 1; at >= 0; at--) value = (value << 8n) | BigInt(bytes[at]!)
  return value
}
