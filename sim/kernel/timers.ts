import { Heap } from "./run-queue.ts"
import type { ServerRuntime } from "./server-runtime.ts"

/** What is to be woken at an instant of virtual time. */
export interface Timer {
  readonly server: ServerRuntime
  /** Undefined once it is cancelled. */
  wake: (() => void) | undefined
  readonly onWire: boolean
}

/** From so many on, timers that were cancelled are taken out when they are half of all. */
const cancelledMax = 1_024

/**
 * The timers of all servers, by instants, and those of one instant in the order in which they were set: messages to
 * hundreds of servers arrive within few milliseconds, and to sort instants takes less than to sort timers.
 */
export class Timers {
  readonly #startMs: number
  /** By milliseconds since the start, which most often are a small integer. */
  readonly #byInstant = new Map<number, Timer[]>()
  #instants = new Heap<number>((one, other) => one < other)
  #size = 0
  /** How many are cancelled: most requests are answered long before they time out. */
  #cancelled = 0

  /** `startMs` is when virtual time begins. */
  constructor(startMs: number) {
    this.#startMs = startMs
  }

  /** The first instant for which a timer was set; undefined where there is none. */
  get nextMs(): number | undefined {
    const instant = this.#instants.peek()
    return instant === undefined ? undefined : this.#startMs + instant
  }

  /** Has a server be woken at that instant, unless what is given is called before. */
  set(atMs: number, timer: Timer): () => void {
    const instant = atMs - this.#startMs
    const others = this.#byInstant.get(instant)
    if (others === undefined) {
      this.#byInstant.set(instant, [timer])
      this.#instants.push(instant)
    } else others.push(timer)
    this.#size += 1
    return () => {
      if (timer.wake === undefined) return
      timer.wake = undefined
      this.#cancelled += 1
      if (this.#cancelled >= cancelledMax && this.#cancelled * 2 >= this.#size) this.#dropCancelled()
    }
  }

  /** Takes out those of the first instant, and calls `visit` with each that is not cancelled. */
  takeNext(visit: (server: ServerRuntime, wake: () => void, onWire: boolean) => void): void {
    const instant = this.#instants.pop()
    if (instant === undefined) return
    const timers = this.#byInstant.get(instant)!
    this.#byInstant.delete(instant)
    this.#size -= timers.length
    for (const timer of timers) {
      const { wake } = timer
      timer.wake = undefined
      if (wake === undefined) this.#cancelled -= 1
      else visit(timer.server, wake, timer.onWire)
    }
  }

  #dropCancelled(): void {
    this.#instants = new Heap<number>((one, other) => one < other)
    this.#size = 0
    this.#cancelled = 0
    for (const [instant, timers] of this.#byInstant) {
      const left = timers.filter(({ wake }) => wake !== undefined)
      if (left.length === 0) {
        this.#byInstant.delete(instant)
        continue
      }
      this.#byInstant.set(instant, left)
      this.#instants.push(instant)
      this.#size += left.length
    }
  }
}
