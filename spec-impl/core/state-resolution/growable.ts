/** An array of 32-bit integers that grows: 4 bytes an entry, and as fast to read as a plain typed array. */
export class GrowableIntegers {
  #values = new Int32Array(64)
  #length = 0

  get length(): number {
    return this.#length
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const larger = new Int32Array(this.#length * 2)
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values[this.#length++] = value
  }

  /** Takes back all entries from `length` on. */
  truncate(length: number): void {
    this.#length = length
  }

  at(index: number): number {
    return this.#values[index]!
  }

  /**
   * The array behind it, for loops that visit many entries: longer than `length`, and no longer the one in use
   * after the next `push`.
   */
  get values(): Int32Array {
    return this.#values
  }
}
