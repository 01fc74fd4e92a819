/**
 * Which crafted signatures are accepted. Honest signatures are by all; these differ on encodings that only
 * somebody who wants to split a room makes:
 *
 * - `libsodium`, what the specification names by way of NaCl: S below the order, the public key canonical and
 *   not of small order, R not of small order, the equation without the cofactor, R compared as bytes;
 * - `rfc8032`: S below the order, both points canonical, small order allowed, no cofactor;
 * - `zip215`: S below the order, any encoding of either point, with the cofactor.
 */
import type { Readings } from "../../core/readings.ts"
import { hasReducedScalar, isCanonicalPoint, isNegativeZero, isSmallOrder } from "./encodings.ts"

export type Acceptance = Readings["signatureAcceptance"]

/** Whether the bytes alone rule out every signature by the key. */
export const isRuledOutKey = (acceptance: Acceptance, publicKey: Uint8Array): boolean => {
  if (publicKey.length !== 32) return true
  switch (acceptance) {
    case "libsodium":
      return !isCanonicalPoint(publicKey) || isSmallOrder(publicKey)
    case "rfc8032":
      return !isCanonicalPoint(publicKey) || isNegativeZero(publicKey)
    case "zip215":
      return false
  }
}

/** Whether the bytes alone rule the signature out, by whatever key. */
export const isRuledOutSignature = (acceptance: Acceptance, signature: Uint8Array): boolean => {
  if (signature.length !== 64 || !hasReducedScalar(signature)) return true
  switch (acceptance) {
    case "libsodium":
      return isSmallOrder(signature)
    case "rfc8032":
      return isNegativeZero(signature)
    case "zip215":
      return false
  }
}

/** Whether either is. */
export const isRuledOut = (acceptance: Acceptance, publicKey: Uint8Array, signature: Uint8Array): boolean =>
  isRuledOutKey(acceptance, publicKey) || isRuledOutSignature(acceptance, signature)
