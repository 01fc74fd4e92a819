/** Something that can do without part of what it holds, and works that out anew where it is asked for. */
interface Foldable {
  readonly fold: () => void
}

const countMax = 32

/** The last that were used of a kind: whatever has to make room for another is folded. */
export class LatelyUsed {
  readonly #things: Foldable[] = []
  #next = 0

  /** Notes what was folded till now, or is new. */
  note(thing: Foldable): void {
    this.#things[this.#next]?.fold()
    this.#things[this.#next] = thing
    this.#next = (this.#next + 1) % countMax
  }
}
