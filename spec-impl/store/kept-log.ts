/**
 * What a disk in memory keeps by a text that is part of it, in the order in which it came. A map takes fifty bytes an
 * entry, and each of a thousand servers keeps the events and states of all; this takes less than twenty.
 */
export class KeptLog<V> {
  readonly #keyOf: (value: V) => string
  #values: V[] = []
  /** By hash, the next place where that is taken: the index of the value, and one; 0 where there is none. */
  #places = new Int32Array(8)

  constructor(keyOf: (value: V) => string) {
    this.#keyOf = keyOf
  }

  get(key: string): V | undefined {
    const known = this.#places[this.#placeOf(key)]!
    return known === 0 ? undefined : this.#values[known - 1]
  }

  has(key: string): boolean {
    return this.#places[this.#placeOf(key)] !== 0
  }

  /** Keeps it, in the place of what has the same key. */
  set(value: V): void {
    const place = this.#placeOf(this.#keyOf(value))
    const known = this.#places[place]!
    if (known !== 0) {
      this.#values[known - 1] = value
      return
    }
    this.#places[place] = this.#values.push(value)
    if (this.#values.length * 4 > this.#places.length * 3) this.#grow()
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

  /** Where the key is, or would be. */
  #placeOf(key: string): number {
    const last = this.#places.length - 1
    let place = hashOf(key) & last
    while (this.#places[place] !== 0 && this.#keyOf(this.#values[this.#places[place]! - 1]!) !== key) {
      place = (place + 1) & last
    }
    return place
  }

  #grow(): void {
    this.#places = new Int32Array(this.#places.length * 2)
    for (const [at, value] of this.#values.entries()) this.#places[this.#placeOf(this.#keyOf(value))] = at + 1
  }
}

/** So many characters of a hash, as most keys are, tell it from others. */
const hashedMax = 12

/** FNV-1a, mixed so that its lowest bits are good by themselves. */
const hashOf = (key: string): number => {
  let hash = 0x811c9dc5
  const end = Math.min(key.length, hashedMax)
  for (let at = 0; at < end; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  return hash ^ (hash >>> 15)
}
