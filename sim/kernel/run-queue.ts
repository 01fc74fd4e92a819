/** Tasks that are due now, ordered by priority, then by a key drawn when they were put in, then by their turn. */
export interface QueuedTask {
  readonly priority: number
  readonly key: number
  readonly turn: number
  readonly serverHash: number
  /** Who keeps it back while it is paused; undefined for what goes on without its server. */
  readonly keeper: TaskKeeper | undefined
  readonly task: () => void
}

/** A server that may be paused. */
export interface TaskKeeper {
  /** What would have run since it was paused; undefined while it is not. */
  keptBack: QueuedTask[] | undefined
}

const precedes = (a: QueuedTask, b: QueuedTask): boolean =>
  a.priority !== b.priority ? a.priority < b.priority : a.key !== b.key ? a.key < b.key : a.turn < b.turn

/** A binary heap by `precedes`. */
export class Heap<A> {
  readonly #items: A[] = []
  readonly #precedes: (a: A, b: A) => boolean

  constructor(precedesOther: (a: A, b: A) => boolean) {
    this.#precedes = precedesOther
  }

  get size(): number {
    return this.#items.length
  }

  peek(): A | undefined {
    return this.#items[0]
  }

  push(item: A): void {
    const items = this.#items
    let at = items.length
    items.push(item)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#precedes(item, items[parent]!)) break
      items[at] = items[parent]!
      at = parent
    }
    items[at] = item
  }

  pop(): A | undefined {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (last === undefined || items.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if (child + 1 < items.length && this.#precedes(items[child + 1]!, items[child]!)) child += 1
      if (!this.#precedes(items[child]!, last)) break
      items[at] = items[child]!
      at = child
    }
    items[at] = last
    return first
  }
}

/** The run queue that all servers of a kernel share. */
export const makeRunQueue = (): Heap<QueuedTask> => new Heap(precedes)
