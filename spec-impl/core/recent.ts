/** How many are held where nothing else is said. */
let countMaxUsual = 4_096

/** From now on no more than `countMax` are held where nothing else is said: a server alone takes in each event once. */
export const holdFewRecent = (countMax: number): void => {
  countMaxUsual = countMax
}

/**
 * The newest of what was worked out about values that never change: many virtual servers of one process take in the
 * same event within a short time. Bounded, so that a server with a long memory does not pay for it.
 */
export class Recent<K, V> {
  /** What goes next, all at once: to take the oldest out one by one costs more than what is kept saves. */
  #older = new Map<K, V>()
  #newer = new Map<K, V>()
  readonly #countMax: number | undefined

  /** Holds at most `countMax` of them, and at least the newer half. */
  constructor(countMax?: number) {
    this.#countMax = countMax
  }

  get(key: K): V | undefined {
    return this.#newer.get(key) ?? this.#older.get(key)
  }

  /** Notes it, and gives it back; the oldest make room. */
  keep(key: K, value: V): V {
    if (this.#newer.size * 2 >= (this.#countMax ?? countMaxUsual)) {
      this.#older = this.#newer
      this.#newer = new Map()
    }
    this.#newer.set(key, value)
    return value
  }
}
