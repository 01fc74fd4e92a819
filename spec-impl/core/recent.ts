/**
 * The newest of what was worked out about values that never change: many virtual servers of one process take in the
 * same event within a short time. Bounded, so that a server with a long memory does not pay for it.
 */
export class Recent<K, V> {
  readonly #values = new Map<K, V>()
  readonly #countMax: number

  /** Holds at most `countMax` of them. */
  constructor(countMax = 4_096) {
    this.#countMax = countMax
  }

  get(key: K): V | undefined {
    return this.#values.get(key)
  }

  /** Notes it, and gives it back; the oldest makes room. */
  keep(key: K, value: V): V {
    if (this.#values.size >= this.#countMax) {
      const oldest = this.#values.keys().next()
      if (!oldest.done) this.#values.delete(oldest.value)
    }
    this.#values.set(key, value)
    return value
  }
}

let isAlone = false

/** Says that this process has one server: what one reads, no other will ask for again. */
export const beAlone = (): void => {
  isAlone = true
}

/** What is kept for the other servers of the process; where there is one it keeps nothing. */
export class RecentForOthers<K, V> extends Recent<K, V> {
  override keep(key: K, value: V): V {
    return isAlone ? value : super.keep(key, value)
  }
}
