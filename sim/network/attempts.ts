/** So many requests at least are known: a world of a thousand servers sends millions. */
const attemptsKeptMin = 500_000

/** Of an entry: two words that stand for a request, and how often it was tried. */
const entryWords = 3

/** Counts by pairs of words, in one array: a map of as many takes three times the memory, and asks the collector's time. */
class Counts {
  #entries = new Int32Array(64 * entryWords)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** How often it was counted; 0 where it never was. */
  get(high: number, low: number): number {
    return this.#entries[this.#placeOf(high, low) + 2]!
  }

  /** `count` is at least 1. */
  set(high: number, low: number, count: number): void {
    const place = this.#placeOf(high, low)
    if (this.#entries[place + 2] === 0) this.#size += 1
    this.#put(place, high, low, count)
    if (this.#size * entryWords * 2 > this.#entries.length) this.#grow()
  }

  /** Where it is, or would be. */
  #placeOf(high: number, low: number): number {
    const entries = this.#entries
    const last = entries.length / entryWords - 1
    for (let at = low & last; ; at = (at + 1) & last) {
      const place = at * entryWords
      if (entries[place + 2] === 0 || (entries[place] === high && entries[place + 1] === low)) return place
    }
  }

  #put(place: number, high: number, low: number, count: number): void {
    this.#entries[place] = high
    this.#entries[place + 1] = low
    this.#entries[place + 2] = count
  }

  #grow(): void {
    const entries = this.#entries
    this.#entries = new Int32Array(entries.length * 2)
    for (let place = 0; place < entries.length; place += entryWords) {
      const [high, low, count] = [entries[place]!, entries[place + 1]!, entries[place + 2]!]
      if (count > 0) this.#put(this.#placeOf(high, low), high, low, count)
    }
  }
}

/** How often each request was tried, of the last half a million at least. */
export class Attempts {
  readonly #keptMin: number
  #recent = new Counts()
  #older = new Counts()

  constructor(keptMin = attemptsKeptMin) {
    this.#keptMin = keptMin
  }

  /** Which attempt this is, from 1 on, at what those words stand for: 53 bits of them tell. */
  next(high: number, low: number): number {
    const [tells, tellsToo] = [high >>> 11, low | 0]
    const attempt = (this.#recent.get(tells, tellsToo) || this.#older.get(tells, tellsToo)) + 1
    if (this.#recent.size >= this.#keptMin) {
      this.#older = this.#recent
      this.#recent = new Counts()
    }
    this.#recent.set(tells, tellsToo, attempt)
    return attempt
  }
}
