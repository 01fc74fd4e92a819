/**
 * Chance keyed by identity: what is drawn depends on the seed and on what it is drawn for, never on how many
 * draws came before it. So a run with one action less draws the same for all others (DESIGN.md, principle 4).
 */

/** Part of what a draw is for. */
export type KeyPart = string | number

/** Two 32-bit lanes of a hash in progress. */
export interface Lanes {
  a: number
  b: number
}

const mixed = (lane: number): number => {
  let h = lane | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

const addWord = (lanes: Lanes, word: number): void => {
  lanes.a = Math.imul((lanes.a ^ word) + 0x9e3779b9, 0x85ebca77)
  lanes.a = (lanes.a << 13) | (lanes.a >>> 19)
  lanes.b = Math.imul((lanes.b + word) ^ lanes.a, 0xc2b2ae3d)
  lanes.b = (lanes.b << 17) | (lanes.b >>> 15)
}

/** Each part with its kind and length, so that ("ab", "c") and ("a", "bc") differ. */
const addPart = (lanes: Lanes, part: KeyPart): void => {
  if (typeof part === "number") {
    const low = (part % 0x1_0000_0000) | 0
    addWord(lanes, 0x6e756d)
    addWord(lanes, low)
    addWord(lanes, Math.floor(part / 0x1_0000_0000) | 0)
    return
  }
  addWord(lanes, part.length ^ 0x747874)
  for (let at = 0; at < part.length; at++) addWord(lanes, part.charCodeAt(at))
}

/** A 32-bit hash of `parts`, and another one of the same, from a start. */
export const hashParts = (
  start: readonly [number, number],
  parts: readonly KeyPart[],
): readonly [number, number] => {
  const lanes = lanesAfter(start, parts)
  return [mixed(lanes.a ^ lanes.b), mixed(Math.imul(lanes.b, 0x27d4eb2f) + lanes.a)]
}

const lanesAfter = (start: readonly [number, number], parts: readonly KeyPart[]): Lanes => {
  const lanes: Lanes = { a: start[0], b: start[1] }
  // By index: an iterator for each draw is a good part of a run's garbage.
  for (let at = 0; at < parts.length; at++) addPart(lanes, parts[at]!)
  return lanes
}

/** The nth draw of a series that `series` begins: 32 bits. Cheap, for the scheduler. */
export const drawInSeries = (series: number, nth: number): number =>
  mixed(mixed(series + Math.imul(nth, 0x9e3779b9)) ^ Math.imul(nth, 0x85ebca6b)) >>> 0

export class KeyedChance {
  readonly #start: readonly [number, number]

  /** By a seed, or what has been hashed of a key. */
  constructor(seed: number | string | Lanes) {
    this.#start = typeof seed === "object" ? [seed.a, seed.b] : hashParts([0x243f6a88, 0x85a308d3], [seed])
  }

  /** The same chance for draws whose keys all begin with `key`, which is hashed once for all of them. */
  under(...key: readonly KeyPart[]): KeyedChance {
    return new KeyedChance(lanesAfter(this.#start, key))
  }

  /** 64 bits as two words. */
  words(...key: readonly KeyPart[]): readonly [number, number] {
    return hashParts(this.#start, key)
  }

  /** From 0, included, to 1, not included; 53 bits of it are drawn. */
  unit(...key: readonly KeyPart[]): number {
    return this.#unitOf(key)
  }

  #unitOf(key: readonly KeyPart[]): number {
    const words = hashParts(this.#start, key)
    return ((words[0] >>> 5) * 0x400_0000 + (words[1] >>> 6)) / 2 ** 53
  }

  /** From 0 to `endExclusive` − 1. */
  integer(endExclusive: number, ...key: readonly KeyPart[]): number {
    return Math.floor(this.#unitOf(key) * endExclusive)
  }

  /** True in that share of all keys. */
  chance(probability: number, ...key: readonly KeyPart[]): boolean {
    return this.#unitOf(key) < probability
  }

  bytes(length: number, ...key: readonly KeyPart[]): Uint8Array {
    const bytes = new Uint8Array(length)
    const start = hashParts(this.#start, key)
    for (let at = 0; at < length; at += 8) {
      const [a, b] = hashParts(start, [at])
      for (let byte = 0; byte < 8 && at + byte < length; byte++) {
        bytes[at + byte] = (byte < 4 ? a >>> (byte * 8) : b >>> ((byte - 4) * 8)) & 0xff
      }
    }
    return bytes
  }

  /** One of `items`, of which there is at least one. */
  pick<A>(items: readonly A[], ...key: readonly KeyPart[]): A {
    return items[Math.floor(this.#unitOf(key) * items.length)]!
  }
}
