/**
 * What can be said of an Ed25519 key or signature by its bytes alone, without arithmetic on the curve
 * (RFC 8032 §5.1; the checks are those of libsodium's `crypto_sign_verify_detached`).
 */

/** The order of the base point, little-endian. */
const order = hexBytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
/** The prime of the field, little-endian. */
const prime = hexBytes("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")

/** The y coordinates of the eight points of small order, in each encoding; the sign bit is clear. */
const smallOrderY = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].map(hexBytes)

/** The y coordinates at which x is 0, canonical: a set sign bit means nothing there. */
const zeroX = [smallOrderY[1]!, smallOrderY[4]!]

/** Whether S, the second half of a signature, is below the order of the base point. */
export const hasReducedScalar = (signature: Uint8Array): boolean => isBelow(signature, 32, order, 0xff)

/** Whether a point is encoded as it must be: its y below the prime. */
export const isCanonicalPoint = (point: Uint8Array): boolean => isBelow(point, 0, prime, 0x7f)

/** Whether a point, or the one that a signature begins with, is one of the eight of small order, in whatever encoding. */
export const isSmallOrder = (point: Uint8Array): boolean => {
  for (const y of smallOrderY) if (equalsIgnoringSign(point, y)) return true
  return false
}

/** Whether a point with x = 0 is encoded with the sign of a negative x: RFC 8032 §5.1.3 does not decode it. */
export const isNegativeZero = (point: Uint8Array): boolean =>
  (point[31]! & 0x80) !== 0 && zeroX.some((y) => equalsIgnoringSign(point, y))

/** Whether the 32 bytes from `start` on, a number with its last byte masked, are below `bound`. */
const isBelow = (bytes: Uint8Array, start: number, bound: Uint8Array, lastByteMask: number): boolean => {
  for (let at = 31; at >= 0; at--) {
    const byte = at === 31 ? bytes[start + at]! & lastByteMask : bytes[start + at]!
    if (byte !== bound[at]) return byte < bound[at]!
  }
  return false
}

const equalsIgnoringSign = (point: Uint8Array, y: Uint8Array): boolean => {
  for (let at = 0; at < 31; at++) if (point[at] !== y[at]) return false
  return (point[31]! & 0x7f) === y[31]
}

function hexBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"))
}
