/** What is in work, in no order. */

/** What knows where among the others it is: below 0 while it is nowhere. */
export interface Placed {
  place: number
}

/**
 * A set of what comes and goes all the time. V8's own makes new tables as it is used, and an old one that has outlived
 * two collections leads on to all that came after: so whatever was in any of them outlives two collections as well.
 */
export class InWork<A extends Placed> {
  readonly #members: A[] = []

  get size(): number {
    return this.#members.length
  }

  add(member: A): void {
    member.place = this.#members.push(member) - 1
  }

  remove(member: A): void {
    const { place } = member
    if (place < 0) return
    member.place = -1
    const last = this.#members.pop()!
    if (last === member) return
    last.place = place
    this.#members[place] = last
  }

  /** Those that are there now, whatever becomes of them meanwhile. */
  [Symbol.iterator](): IterableIterator<A> {
    return [...this.#members].values()
  }
}
