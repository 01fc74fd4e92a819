/** So many of a table are taken at most, of eight. */
const takenMax = 6

/** Integers from 0 on, in four to ten bytes each, where a set takes more than twenty. */
class Marks {
  /** By the mark's lowest bits, or the next place where that is taken: the mark, and one; 0 where there is none. */
  #places = new Int32Array(16)
  size = 0

  has(mark: number): boolean {
    return this.#places[this.#placeOf(mark)] !== 0
  }

  add(mark: number): void {
    const place = this.#placeOf(mark)
    if (this.#places[place] !== 0) return
    this.#places[place] = mark + 1
    this.size += 1
    if (this.size * 8 > this.#places.length * takenMax) this.#grow()
  }

  #placeOf(mark: number): number {
    const last = this.#places.length - 1
    let place = mark & last
    while (this.#places[place] !== 0 && this.#places[place] !== mark + 1) place = (place + 1) & last
    return place
  }

  #grow(): void {
    const before = this.#places
    this.#places = new Int32Array(before.length * 2)
    for (const known of before) if (known !== 0) this.#places[this.#placeOf(known - 1)] = known
  }
}

/** Integers of up to 30 bits, of which the newest are known: so many at least, and at most twice as many. */
export class NewestMarks {
  readonly #countMin: number
  /** What goes next, all at once. */
  #older = new Marks()
  #newer = new Marks()

  constructor(countMin: number) {
    this.#countMin = countMin
  }

  has(mark: number): boolean {
    return this.#newer.has(mark) || this.#older.has(mark)
  }

  /** Noted last, it is forgotten last. */
  note(mark: number): void {
    this.#newer.add(mark)
    if (this.#newer.size < this.#countMin) return
    this.#older = this.#newer
    this.#newer = new Marks()
  }
}
