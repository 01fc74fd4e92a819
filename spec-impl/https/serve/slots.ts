/** How much may be in work at once: in all, and for each of those who ask. */

/** Counts what is in work. Who has no slot left is to be told to come again. */
export class Slots {
  readonly #totalMax: number
  readonly #ofKeyMax: number
  readonly #taken = new Map<string, number>()
  #total = 0

  constructor(totalMax: number, ofKeyMax: number) {
    this.#totalMax = totalMax
    this.#ofKeyMax = ofKeyMax
  }

  /** How many are taken, in all. */
  get total(): number {
    return this.#total
  }

  /** Takes a slot for `key`, and gives what sets it free again, once; undefined where there is none. */
  take(key: string): (() => void) | undefined {
    const ofKey = this.#taken.get(key) ?? 0
    if (this.#total >= this.#totalMax || ofKey >= this.#ofKeyMax) return undefined
    this.#total += 1
    this.#taken.set(key, ofKey + 1)
    let isTaken = true
    return () => {
      if (!isTaken) return
      isTaken = false
      this.#total -= 1
      const left = (this.#taken.get(key) ?? 1) - 1
      if (left === 0) this.#taken.delete(key)
      else this.#taken.set(key, left)
    }
  }
}
