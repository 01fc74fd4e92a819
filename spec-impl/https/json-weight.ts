/**
 * What JSON takes in memory once it is parsed. Sixteen megabytes of `[[[[…` or `{},{},…` become gigabytes of arrays and
 * objects: so it is weighed before anybody parses it.
 */

/** For each value: what an object without members takes, and what becomes of it on its way. */
const bytesPerValue = 200

const comma = 0x2c
const openArray = 0x5b
const openObject = 0x7b

/**
 * An upper bound of the memory that `bytes` take when they are parsed and written once. Each value but the first
 * follows a comma or the beginning of an array or object; those in strings count as well, which does no harm.
 */
export const jsonWeight = (bytes: Uint8Array): number => {
  let values = 1
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === comma || byte === openArray || byte === openObject) values++
  }
  return 3 * bytes.length + values * bytesPerValue
}
