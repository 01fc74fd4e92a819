/** Seeded chance for what a corpus picks: mulberry32, as fast as it need be. */

/** Whole numbers from 0 up to, and without, `bound`; the same series for the same bytes. */
export const makeDraws = (seed: Uint8Array): ((bound: number) => number) => {
  let state = Buffer.from(seed.buffer, seed.byteOffset, seed.byteLength).readUInt32LE(0)
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound)
  }
}
