/** A map of which there are very many with one entry: that one costs no table. */
export class SmallMap<K, V> {
  #key: K | undefined
  #value: V | undefined
  #others: Map<K, V> | undefined

  /** With those entries to begin with. */
  constructor(entries: Iterable<readonly [K, V & {}]> = []) {
    for (const [key, value] of entries) this.set(key, value)
  }

  get(key: K): V | undefined {
    return key === this.#key ? this.#value : this.#others?.get(key)
  }

  has(key: K): boolean {
    return this.get(key) !== undefined
  }

  /** Undefined is no value. */
  set(key: K, value: V & {}): void {
    if (this.#key === undefined) this.#key = key
    if (key === this.#key) this.#value = value
    else {
      this.#others ??= new Map()
      this.#others.set(key, value)
    }
  }

  get size(): number {
    return (this.#key === undefined ? 0 : 1) + (this.#others?.size ?? 0)
  }

  delete(key: K): void {
    if (key !== this.#key) {
      this.#others?.delete(key)
      return
    }
    const [next] = this.#others ?? []
    this.#key = next?.[0]
    this.#value = next?.[1]
    if (next !== undefined) this.#others?.delete(next[0])
  }

  *values(): IterableIterator<V> {
    for (const [, value] of this) yield value
  }

  /** In the order in which the keys came. */
  *[Symbol.iterator](): Iterator<readonly [K, V]> {
    if (this.#key !== undefined) yield [this.#key, this.#value as V]
    if (this.#others !== undefined) yield* this.#others
  }
}

/** The map with that entry; a new one where there was none, for an empty one costs as much as one with an entry. */
export const withEntry = <K, V extends {}>(
  map: SmallMap<K, V> | undefined,
  key: K,
  value: V,
): SmallMap<K, V> => {
  const grown = map ?? new SmallMap<K, V>()
  grown.set(key, value)
  return grown
}

/** The map without what is under the key; undefined once nothing is left in it. */
export const withoutKey = <K, V extends {}>(
  map: SmallMap<K, V> | undefined,
  key: K,
): SmallMap<K, V> | undefined => {
  map?.delete(key)
  return map?.size === 0 ? undefined : map
}
