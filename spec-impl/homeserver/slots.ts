/**
 * A room's events in one order. Where most of a stretch is evicted it is in a page: the ordinals, and which entries are
 * still in memory between them.
 */
import { type Pages, wordsOfPage } from "../core/paging/pages.ts"
import type { Ordinal } from "../core/room-dag/evicted-events.ts"

/** An entry, or the number of an event that was evicted. */
export type Slot<Entry extends object> = Entry | Ordinal

/** A stretch of the order. */
interface Block<Entry extends object> {
  readonly length: number
  readonly isFull: boolean
  readonly at: (index: number) => Slot<Entry>
  readonly set: (index: number, slot: Slot<Entry>) => void
  readonly insert: (index: number, slot: Slot<Entry>) => void
  /** Moves what is from `index` on to another one, which it gives. */
  readonly part: (index: number) => Block<Entry>
}

/** Leaves a page of it room for what comes late. */
const plainMax = 896
/** Less than that is not worth a page. */
const packedMin = 64

class PlainBlock<Entry extends object> implements Block<Entry> {
  readonly slots: Slot<Entry>[]
  #evicted = 0

  constructor(slots: Slot<Entry>[]) {
    this.slots = slots
    for (const slot of slots) if (typeof slot === "number") this.#evicted += 1
  }

  get length(): number {
    return this.slots.length
  }

  get isFull(): boolean {
    return this.slots.length >= plainMax
  }

  /** Whether so much of it is evicted that it is better in a page. */
  get isToBePacked(): boolean {
    return this.slots.length >= packedMin && this.#evicted * 2 > this.slots.length
  }

  at(index: number): Slot<Entry> {
    return this.slots[index]!
  }

  set(index: number, slot: Slot<Entry>): void {
    this.#evicted += Number(typeof slot === "number") - Number(typeof this.slots[index] === "number")
    this.slots[index] = slot
  }

  insert(index: number, slot: Slot<Entry>): void {
    if (typeof slot === "number") this.#evicted += 1
    if (index === this.slots.length) this.slots.push(slot)
    else this.slots.splice(index, 0, slot)
  }

  part(index: number): Block<Entry> {
    const moved = this.slots.splice(index)
    for (const slot of moved) if (typeof slot === "number") this.#evicted -= 1
    return new PlainBlock(moved)
  }
}

/** Ordinals in a page; an entry that is in memory is −1 for the first, −2 for the second … */
class PackedBlock<Entry extends object> implements Block<Entry> {
  readonly #pages: Pages
  readonly #page: number
  readonly #entries: Entry[] = []
  length = 0

  constructor(pages: Pages, slots: Iterable<Slot<Entry>>) {
    this.#pages = pages
    this.#page = pages.make()
    for (const slot of slots) this.insert(this.length, slot)
  }

  get isFull(): boolean {
    return this.length === wordsOfPage
  }

  at(index: number): Slot<Entry> {
    const word = this.#pages.read(this.#page).words[index]!
    return word >= 0 ? word : this.#entries[-1 - word]!
  }

  set(index: number, slot: Slot<Entry>): void {
    const { words } = this.#pages.change(this.#page)
    this.#release(words, words[index]!)
    words[index] = this.#wordOf(slot)
  }

  insert(index: number, slot: Slot<Entry>): void {
    const { words } = this.#pages.change(this.#page)
    words.copyWithin(index + 1, index, this.length)
    words[index] = this.#wordOf(slot)
    this.length += 1
  }

  part(index: number): Block<Entry> {
    const moved: Slot<Entry>[] = []
    for (let at = index; at < this.length; at++) moved.push(this.at(at))
    const { words } = this.#pages.change(this.#page)
    for (let at = this.length - 1; at >= index; at--) this.#release(words, words[at]!)
    this.length = index
    return new PackedBlock(this.#pages, moved)
  }

  #wordOf(slot: Slot<Entry>): number {
    return typeof slot === "number" ? slot : -this.#entries.push(slot)
  }

  /** Lets go of the entry behind a word, and gives its number to the last one. */
  #release(words: Int32Array, word: number): void {
    if (word >= 0) return
    const last = this.#entries.pop()!
    const lastWord = -1 - this.#entries.length
    if (word === lastWord) return
    this.#entries[-1 - word] = last
    words[words.subarray(0, this.length).indexOf(lastWord)] = word
  }
}

export class Slots<Entry extends object, Place> {
  readonly #pages: () => Pages
  readonly #placeOf: (slot: Slot<Entry>) => Place
  #blocks: Block<Entry>[] = []
  /** The place of the first one of each block. */
  #firsts: Place[] = []
  /** How many come before each block; of the first `#counted` it is right. */
  readonly #starts: number[] = []
  #counted = 0

  /** `pages` are asked for once something is evicted. */
  constructor(pages: () => Pages, placeOf: (slot: Slot<Entry>) => Place) {
    this.#pages = pages
    this.#placeOf = placeOf
  }

  get length(): number {
    const last = this.#blocks.length - 1
    return last < 0 ? 0 : this.#startOf(last) + this.#blocks[last]!.length
  }

  get last(): Slot<Entry> | undefined {
    const block = this.#blocks.at(-1)
    return block === undefined ? undefined : block.at(block.length - 1)
  }

  /** Undefined where there is none; of a negative index from the end. */
  at(index: number): Slot<Entry> | undefined {
    const { length } = this
    const wanted = index < 0 ? length + index : index
    if (wanted < 0 || wanted >= length) return undefined
    const block = this.#blockAt(wanted)
    return this.#blocks[block]!.at(wanted - this.#startOf(block))
  }

  *[Symbol.iterator](): Generator<Slot<Entry>> {
    for (const block of this.#blocks) for (let at = 0; at < block.length; at++) yield block.at(at)
  }

  /** From `first` on, up to the one before `beyond`. */
  slice(first: number, beyond: number): readonly Slot<Entry>[] {
    const slots: Slot<Entry>[] = []
    for (let block = first < beyond ? this.#blockAt(first) : 0; slots.length < beyond - first; block++) {
      const offset = Math.max(0, first - this.#startOf(block))
      const { length } = this.#blocks[block]!
      for (let at = offset; at < length && slots.length < beyond - first; at++) {
        slots.push(this.#blocks[block]!.at(at))
      }
    }
    return slots
  }

  /** How many from the first on `isBefore` holds for, where it holds for none after one that it does not hold for. */
  countWhile(isBefore: (place: Place) => boolean): number {
    const block = countTo(this.#blocks.length, (at) => isBefore(this.#firsts[at]!)) - 1
    if (block < 0) return 0
    const held = this.#blocks[block]!
    return (
      this.#startOf(block) + countTo(held.length, (at) => at === 0 || isBefore(this.#placeOf(held.at(at))))
    )
  }

  /** Puts another one at that place. */
  set(index: number, slot: Slot<Entry>): void {
    const at = this.#blockAt(index)
    const block = this.#blocks[at]!
    block.set(index - this.#startOf(at), slot)
    if (block instanceof PlainBlock && block.isToBePacked) {
      this.#blocks[at] = new PackedBlock(this.#pages(), block.slots)
    }
  }

  /** Puts one more before what is at that place. */
  insert(index: number, slot: Slot<Entry>): void {
    if (index === this.length) {
      this.#append(slot)
      return
    }
    let at = this.#blockAt(index)
    if (this.#blocks[at]!.isFull) {
      const half = this.#blocks[at]!.length >>> 1
      this.#place(at + 1, this.#blocks[at]!.part(half))
      if (index >= this.#startOf(at) + half) at += 1
    }
    const offset = index - this.#startOf(at)
    this.#blocks[at]!.insert(offset, slot)
    if (offset === 0) this.#firsts[at] = this.#placeOf(slot)
    this.#counted = Math.min(this.#counted, at + 1)
  }

  #append(slot: Slot<Entry>): void {
    const last = this.#blocks.at(-1)
    if (last === undefined || last.isFull) this.#place(this.#blocks.length, new PlainBlock([slot]))
    else last.insert(last.length, slot)
  }

  #place(at: number, block: Block<Entry>): void {
    this.#blocks.splice(at, 0, block)
    this.#firsts.splice(at, 0, this.#placeOf(block.at(0)))
    this.#counted = Math.min(this.#counted, at)
  }

  #startOf(block: number): number {
    for (; this.#counted <= block; this.#counted++) {
      const before = this.#counted - 1
      this.#starts[this.#counted] = before < 0 ? 0 : this.#starts[before]! + this.#blocks[before]!.length
    }
    return this.#starts[block]!
  }

  /** In which block that index is. */
  #blockAt(index: number): number {
    return countTo(this.#blocks.length, (block) => this.#startOf(block) <= index) - 1
  }
}

/** How many numbers from 0 on, below `count`, `isBefore` holds for. */
const countTo = (count: number, isBefore: (at: number) => boolean): number => {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBefore(middle)) low = middle + 1
    else high = middle
  }
  return low
}
