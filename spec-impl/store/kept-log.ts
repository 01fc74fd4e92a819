/**
 * What a disk in memory keeps by a text that is part of it, in the order in which it came. A map takes fifty bytes an
 * entry, and each of a thousand servers keeps the events and states of all; this takes less than twenty.
 */
export class KeptLog<V> {
  readonly #keyOf: (value: V) => string
  #values: V[] = []
  /**
   * By hash, the next place where that is taken: the index of the value, and one; 0 where there is none. The highest bits
   * are those of the hash: of most others it is seen by them that they have another key, and the value is not looked at.
   */
  #places = new Uint32Array(8)

  constructor(keyOf: (value: V) => string) {
    this.#keyOf = keyOf
  }

  get(key: string): V | undefined {
    return this.#values[this.indexOf(key)]
  }

  /** Where it stands among `values`; -1 where there is none. */
  indexOf(key: string): number {
    return (this.#places[this.#placeOf(key, hashOf(key))]! & indexBits) - 1
  }

  has(key: string): boolean {
    return this.indexOf(key) >= 0
  }

  /** Keeps it, in the place of what has the same key; gives where it stands among `values`. */
  set(value: V): number {
    const key = this.#keyOf(value)
    const hash = hashOf(key)
    const place = this.#placeOf(key, hash)
    const known = this.#places[place]! & indexBits
    if (known !== 0) {
      this.#values[known - 1] = value
      return known - 1
    }
    this.#places[place] = (hash & ~indexBits) | this.#values.push(value)
    if (this.#values.length * 4 > this.#places.length * 3) this.#grow()
    return this.#values.length - 1
  }

  /** In the order in which their keys came. */
  values(): readonly V[] {
    return this.#values
  }

  copy(): KeptLog<V> {
    const copy = new KeptLog(this.#keyOf)
    copy.#values = [...this.#values]
    copy.#places = this.#places.slice()
    return copy
  }

  /** Where the key, which has that hash, is or would be. */
  #placeOf(key: string, hash: number): number {
    const last = this.#places.length - 1
    for (let place = hash & last; ; place = (place + 1) & last) {
      const known = this.#places[place]!
      if (known === 0) return place
      const isLike = ((known ^ hash) & ~indexBits) === 0
      if (isLike && this.#keyOf(this.#values[(known & indexBits) - 1]!) === key) return place
    }
  }

  #grow(): void {
    this.#places = new Uint32Array(this.#places.length * 2)
    for (const [at, value] of this.#values.entries()) {
      const key = this.#keyOf(value)
      const hash = hashOf(key)
      this.#places[this.#placeOf(key, hash)] = (hash & ~indexBits) | (at + 1)
    }
  }
}

/** Sixty million values are more than fit into memory. */
const indexBits = 2 ** 26 - 1

/** So many characters of a hash, as most keys are, tell it from others. */
const hashedMax = 12

/** FNV-1a, mixed so that its lowest bits are good by themselves. */
const hashOf = (key: string): number => {
  let hash = 0x811c9dc5
  const end = Math.min(key.length, hashedMax)
  for (let at = 0; at < end; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  return hash ^ (hash >>> 15)
}
