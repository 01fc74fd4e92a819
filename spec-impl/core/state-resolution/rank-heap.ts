/** A set of small integers that gives the smallest first: a binary heap. */
export class RankHeap {
  readonly #ranks: Int32Array
  #size = 0

  constructor(capacity: number) {
    this.#ranks = new Int32Array(capacity)
  }

  push(rank: number): void {
    const ranks = this.#ranks
    let at = this.#size++
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (ranks[parent]! <= rank) break
      ranks[at] = ranks[parent]!
      at = parent
    }
    ranks[at] = rank
  }

  /** Takes the smallest out, or gives −1 where there is none. */
  pop(): number {
    if (this.#size === 0) return -1
    const ranks = this.#ranks
    const smallest = ranks[0]!
    const size = --this.#size
    const last = ranks[size]!
    let at = 0
    for (let child = 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && ranks[child + 1]! < ranks[child]!) child += 1
      if (ranks[child]! >= last) break
      ranks[at] = ranks[child]!
      at = child
    }
    ranks[at] = last
    return smallest
  }
}
