/**
 * Memory that is more than a process wants to hold: pages of a fixed size, of which those used last are in memory, and
 * the others in a scratch that ends with the process. For what can be made again from what is kept.
 */
export const pageBytes = 4_096
export const wordsOfPage = pageBytes / 4

/** Room for pages outside memory, by number. Both throw where it is not to be had. */
export interface Scratch {
  readonly write: (page: number, bytes: Uint8Array) => void
  /** Fills `bytes` with what was written of the page last. */
  readonly read: (page: number, bytes: Uint8Array) => void
}

/** The bytes of a page in three views. They are those of another page once a few others were asked for. */
export interface Page {
  readonly bytes: Buffer
  readonly words: Int32Array
  readonly numbers: Float64Array
}

interface HeldPage extends Page {
  number: number
  isChanged: boolean
}

/** Whoever works on a page may look at two others meanwhile. */
const heldMin = 4

export class Pages {
  readonly #scratch: Scratch
  readonly #heldMax: number
  #count = 0
  /** By number, the one that was used longest ago first. */
  readonly #held = new Map<number, HeldPage>()
  #last: HeldPage | undefined

  /** Holds `heldMax` of them in memory. */
  constructor(scratch: Scratch, heldMax: number) {
    this.#scratch = scratch
    this.#heldMax = Math.max(heldMin, heldMax)
  }

  /** How many are in memory. */
  get held(): number {
    return this.#held.size
  }

  /** How many there are. */
  get count(): number {
    return this.#count
  }

  /** A page of zeros, by its number. */
  make(): number {
    const page = this.#vacant()
    page.bytes.fill(0)
    this.#hold(page, this.#count++, true)
    return page.number
  }

  /** The page as it is. */
  read(number: number): Page {
    return this.#find(number)
  }

  /** The page, which is to be changed. */
  change(number: number): Page {
    const page = this.#find(number)
    page.isChanged = true
    return page
  }

  #find(number: number): HeldPage {
    if (this.#last?.number === number) return this.#last
    const held = this.#held.get(number)
    if (held !== undefined) {
      this.#held.delete(number)
      return this.#hold(held, number, held.isChanged)
    }
    const page = this.#vacant()
    this.#scratch.read(number, page.bytes)
    return this.#hold(page, number, false)
  }

  #hold(page: HeldPage, number: number, isChanged: boolean): HeldPage {
    page.number = number
    page.isChanged = isChanged
    this.#held.set(number, page)
    this.#last = page
    return page
  }

  /** A place for another one. What cannot be written out stays in memory, however much that is. */
  #vacant(): HeldPage {
    for (const oldest of this.#held.values()) {
      if (this.#held.size < this.#heldMax || !this.#isWritten(oldest)) break
      this.#held.delete(oldest.number)
      if (this.#last === oldest) this.#last = undefined
      if (this.#held.size < this.#heldMax) return oldest
    }
    const bytes = Buffer.from(new ArrayBuffer(pageBytes))
    const words = new Int32Array(bytes.buffer)
    return { bytes, words, numbers: new Float64Array(bytes.buffer), number: -1, isChanged: false }
  }

  #isWritten(page: HeldPage): boolean {
    if (!page.isChanged) return true
    try {
      this.#scratch.write(page.number, page.bytes)
    } catch {
      return false
    }
    page.isChanged = false
    return true
  }
}

/** A scratch that is in memory itself. */
export const memoryScratch = (): Scratch => {
  const pages = new Map<number, Uint8Array>()
  return {
    write: (page, bytes) => void pages.set(page, Uint8Array.from(bytes)),
    read: (page, bytes) => {
      const written = pages.get(page)
      if (written === undefined) throw new Error(`page ${page} was never written`)
      bytes.set(written)
    },
  }
}
