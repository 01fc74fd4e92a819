/** Lists of 32-byte ids in pages, each id with where the next one is. */
import { GrowableIntegers } from "../state-resolution/growable.ts"
import type { Pages } from "./pages.ts"

const idBytes = 32
const linksOfPage = 113
const nextAt = (linksOfPage * idBytes) / 4
const none = -1

export class PagedLists {
  readonly #pages: Pages
  readonly #pageNumbers = new GrowableIntegers()
  #links = 0
  /** The first of those that are in no list any more. */
  #unused = none

  constructor(pages: Pages) {
    this.#pages = pages
  }

  /** Makes a list of some ids; gives by what number it is known. */
  make(ids: readonly Uint8Array[]): number {
    let next = none
    for (const id of ids.toReversed()) {
      const link = this.#take()
      const { bytes, words } = this.#pages.change(this.#pageNumberOf(link))
      const place = link % linksOfPage
      bytes.set(id, place * idBytes)
      words[nextAt + place] = next
      next = link
    }
    return next
  }

  read(list: number): readonly Uint8Array[] {
    const ids: Uint8Array[] = []
    for (let link = list; link !== none; ) {
      const { bytes, words } = this.#pages.read(this.#pageNumberOf(link))
      const place = link % linksOfPage
      ids.push(Uint8Array.from(bytes.subarray(place * idBytes, (place + 1) * idBytes)))
      link = words[nextAt + place]!
    }
    return ids
  }

  /** Ends a list: its place is for others. */
  end(list: number): void {
    let last = list
    for (let link: number = list; link !== none; link = this.#nextOf(link)) last = link
    this.#pages.change(this.#pageNumberOf(last)).words[nextAt + (last % linksOfPage)] = this.#unused
    this.#unused = list
  }

  #take(): number {
    const link = this.#unused
    if (link !== none) {
      this.#unused = this.#nextOf(link)
      return link
    }
    if (this.#links % linksOfPage === 0) this.#pageNumbers.push(this.#pages.make())
    return this.#links++
  }

  #nextOf(link: number): number {
    return this.#pages.read(this.#pageNumberOf(link)).words[nextAt + (link % linksOfPage)]!
  }

  #pageNumberOf(link: number): number {
    return this.#pageNumbers.at(Math.floor(link / linksOfPage))
  }
}
