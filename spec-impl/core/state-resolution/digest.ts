/**
 * Digests of 128 bits that can be added: the digest of a set is the sum of its members' fingerprints, lane by
 * lane, modulo 2^32. So it depends on no order, and a member may come or go without counting the others anew.
 *
 * Made for telling honest states apart, not against somebody who looks for two sets of one sum.
 */
export const digestLanes = 4

export type Digest = Uint32Array<ArrayBuffer>

export const emptyDigest = (): Digest => new Uint32Array(digestLanes)

/** A digest that is kept, as 32-bit integers: a quarter of what a typed array takes that has its buffer to itself. */
export type Lanes = readonly number[]

/** The digest that stands in `digests` from `at` on, to be kept. */
export const lanesOf = (digests: Digest, at = 0): Lanes => [
  digests[at]! | 0,
  digests[at + 1]! | 0,
  digests[at + 2]! | 0,
  digests[at + 3]! | 0,
]

/** Adds to `sum` the digest that stands in `digests` from `at` on. */
export const addDigest = (sum: Digest, digests: Uint32Array | Lanes, at: number): void => {
  for (let lane = 0; lane < digestLanes; lane++) sum[lane] = sum[lane]! + digests[at + lane]!
}

/** The digest as 32 hexadecimal digits. */
export const digestText = (digest: Digest): string => {
  let text = ""
  for (const lane of digest) text += (lane + laneRange).toString(16).slice(1)
  return text
}

/** Added to a lane it leaves eight digits after a one. */
const laneRange = 2 ** 32
