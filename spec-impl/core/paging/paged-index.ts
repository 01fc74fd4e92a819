/**
 * Numbers by hashes, in pages: a question reads one of them. Extendible hashing (Fagin, Nievergelt, Pippenger, Strong
 * 1979): a page that is full is parted in two by one more bit of the hashes, and nothing else moves.
 */
import type { Pages } from "./pages.ts"

const [countAt, depthAt, nextAt] = [0, 1, 2]
const entriesMax = 510
const hashesAt = 4
const numbersAt = hashesAt + entriesMax
const none = -1

/**
 * Pages are parted by so many bits more than the number of entries asks for. A stranger who makes hashes alike gets a
 * chain of pages instead, and not a large directory.
 */
const spareBits = 4

export class PagedIndex {
  readonly #pages: Pages
  /** Pages by the lowest bits of the hashes. */
  #directory = new Int32Array(0)
  #size = 0

  constructor(pages: Pages) {
    this.#pages = pages
  }

  /** The number that was added under that hash and that `isIt` tells to be the one; or −1. */
  find(hash: number, isIt: (number: number) => boolean): number {
    if (this.#size === 0) return none
    for (let at = this.#pageOf(hash); at !== none; ) {
      const { words } = this.#pages.read(at)
      const beyond = hashesAt + words[countAt]!
      for (let entry = hashesAt; entry < beyond; entry++) {
        if (words[entry] !== (hash | 0)) continue
        const number = words[entry + entriesMax]!
        if (isIt(number)) return number
      }
      at = words[nextAt]! - 1
    }
    return none
  }

  add(hash: number, number: number): void {
    if (this.#size === 0) this.#directory = Int32Array.of(this.#pages.make())
    this.#size += 1
    while (this.#pages.read(this.#pageOf(hash)).words[countAt] === entriesMax) {
      if (!this.#part(hash)) this.#chain(hash)
    }
    put(this.#pages.change(this.#pageOf(hash)).words, hash, number)
  }

  #pageOf(hash: number): number {
    return this.#directory[hash & (this.#directory.length - 1)]!
  }

  /** Moves half of the page to another one, unless it is not to be parted. */
  #part(hash: number): boolean {
    const at = this.#pageOf(hash)
    const { words } = this.#pages.change(at)
    const depth = words[depthAt]!
    if (words[nextAt] !== 0 || depth >= spareBits + Math.ceil(Math.log2(this.#size / entriesMax)))
      return false
    if (1 << depth === this.#directory.length) {
      const doubled = new Int32Array(this.#directory.length * 2)
      doubled.set(this.#directory)
      doubled.set(this.#directory, this.#directory.length)
      this.#directory = doubled
    }
    const otherAt = this.#pages.make()
    const other = this.#pages.change(otherAt).words
    const bit = 1 << depth
    const count = words[countAt]!
    words[countAt] = 0
    words[depthAt] = depth + 1
    other[depthAt] = depth + 1
    for (let entry = 0; entry < count; entry++) {
      const moved = words[hashesAt + entry]!
      put((moved & bit) === 0 ? words : other, moved, words[numbersAt + entry]!)
    }
    for (let place = (hash & (bit - 1)) | bit; place < this.#directory.length; place += bit * 2) {
      this.#directory[place] = otherAt
    }
    return true
  }

  /** Moves all of the page to another one, which comes after it from then on. */
  #chain(hash: number): void {
    const { words } = this.#pages.change(this.#pageOf(hash))
    const nextPage = this.#pages.make()
    this.#pages.change(nextPage).words.set(words)
    words[countAt] = 0
    words[nextAt] = nextPage + 1
  }
}

const put = (words: Int32Array, hash: number, number: number): void => {
  const entry = words[countAt]!++
  words[hashesAt + entry] = hash
  words[numbersAt + entry] = number
}
