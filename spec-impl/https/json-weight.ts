/**
 * What JSON takes in memory once it is parsed. Sixteen megabytes of `[[[[…` or `{},{},…` become gigabytes of arrays and
 * objects: so it is weighed before anybody parses it.
 */

import { wordsOf } from "../core/words.ts"

/** For each value: what an object without members takes, and what becomes of it on its way. */
const bytesPerValue = 200

const comma = 0x2c
/** `[` and `{` differ by one bit: with it set both are this. */
const opens = 0x7b
const caseBit = 0x20

const opensValue = (byte: number): boolean => byte === comma || (byte | caseBit) === opens

/** In each byte of a word that is zero the highest bit, and nothing else. */
const zeroBytes = (word: number): number => ~(((word & 0x7f7f7f7f) + 0x7f7f7f7f) | word | 0x7f7f7f7f)

/** How many of such bits there are. */
const countOf = (bits: number): number => Math.imul(bits >>> 7, 0x01010101) >>> 24

/** How many values begin after commas, arrays' beginnings and objects'. */
const openings = (bytes: Uint8Array): number => {
  const { words, others } = wordsOf(bytes)
  let count = others.filter(opensValue).length
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    count += countOf(zeroBytes(word ^ 0x2c2c2c2c) | zeroBytes((word | 0x20202020) ^ 0x7b7b7b7b))
  }
  return count
}

/**
 * An upper bound of the memory that `bytes` take when they are parsed and written once. Each value but the first
 * follows a comma or the beginning of an array or object; those in strings count as well, which does no harm.
 */
export const jsonWeight = (bytes: Uint8Array): number => {
  const values = 1 + openings(bytes)
  return 3 * bytes.length + values * bytesPerValue
}
