/** A set of indices below a bound: one byte each, so that loops over a whole graph may ask it of every event. */
export class IndexSet {
  readonly #has: Uint8Array
  readonly #members: number[] = []

  constructor(bound: number) {
    this.#has = new Uint8Array(bound)
  }

  has(index: number): boolean {
    return this.#has[index] === 1
  }

  add(index: number): void {
    if (this.#has[index] === 1) return
    this.#has[index] = 1
    this.#members.push(index)
  }

  /** All members, in the order in which they were added. */
  get members(): readonly number[] {
    return this.#members
  }
}
