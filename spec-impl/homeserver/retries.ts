/** When to try again what failed: one fiber for all that wait, since of a thousand servers hundreds may be down. */
import { type Clock, type Context, Duration, Effect, Exit, Fiber } from "effect"

const nanosPerMilli = 1_000_000n

/** What waits, by when it is due on this server's clock, however that is set meanwhile. */
export class Retries<A extends string | object> {
  readonly #run: ReturnType<typeof Effect.runForkWith<never>>
  readonly #clock: Clock.Clock
  readonly #wake: (what: A) => void
  /** The first that is due stands first; undefined where it was cancelled. */
  #waiting: (A | undefined)[] = []
  /** When each is due. */
  #dueMs: number[] = []
  /** Before it none waits; from there on they stand as they are due. */
  #first = 0
  #cancelled = 0
  #sleeper: Fiber.Fiber<void> | undefined
  #sleepsUntilMs = 0

  /** `wake` is told what is due, within those services; it must not wait. */
  constructor(services: Context.Context<never>, clock: Clock.Clock, wake: (what: A) => void) {
    this.#run = Effect.runForkWith(services)
    this.#clock = clock
    this.#wake = wake
  }

  /** Has `what` wait for so many milliseconds. */
  add(what: A, ms: number): void {
    const dueMs = this.#nowMs() + ms
    let at = this.#waiting.length
    while (at > this.#first && this.#dueMs[at - 1]! > dueMs) at -= 1
    if (at === this.#waiting.length) {
      this.#waiting.push(what)
      this.#dueMs.push(dueMs)
    } else {
      this.#waiting.splice(at, 0, what)
      this.#dueMs.splice(at, 0, dueMs)
    }
    if (at === this.#first) this.#sleep()
  }

  /** Whether `what` waited; it does not any more. */
  cancel(what: A): boolean {
    const at = this.#waiting.indexOf(what, this.#first)
    if (at < 0) return false
    this.#waiting[at] = undefined
    this.#cancelled += 1
    const wasFirst = at === this.#first
    this.#tidy()
    if (wasFirst) this.#sleep()
    return true
  }

  /** Lets go of those that were cancelled where they stand first, and of all where most are. */
  #tidy(): void {
    while (this.#first < this.#waiting.length && this.#waiting[this.#first] === undefined) this.#first += 1
    if (this.#cancelled * 2 <= this.#waiting.length) return
    this.#dueMs = this.#dueMs.filter((_, at) => this.#waiting[at] !== undefined)
    this.#waiting = this.#waiting.filter((what) => what !== undefined)
    this.#first = 0
    this.#cancelled = 0
  }

  /** Wakes nothing any more. */
  readonly end: Effect.Effect<void> = Effect.suspend(() => {
    this.#waiting = []
    this.#dueMs = []
    this.#first = 0
    this.#cancelled = 0
    return this.#sleeper === undefined ? Effect.void : Fiber.interrupt(this.#sleeper)
  })

  #nowMs(): number {
    return Number(this.#clock.monotonicTimeNanosUnsafe() / nanosPerMilli)
  }

  #sleep(): void {
    this.#sleeper?.interruptUnsafe()
    this.#sleeper = undefined
    const firstMs = this.#dueMs[this.#first]
    if (firstMs === undefined) return
    const sleepMs = Math.max(0, firstMs - this.#nowMs())
    const sleeper = this.#run(this.#clock.sleep(Duration.millis(sleepMs)))
    this.#sleeper = sleeper
    this.#sleepsUntilMs = firstMs
    sleeper.addObserver((exit) => {
      if (Exit.isSuccess(exit) && this.#sleeper === sleeper) this.#wakeAll()
    })
  }

  /** Those that are due when the sleep is over: by the clock that it was slept by, which may be wrong. */
  #wakeAll(): void {
    let end = this.#first
    while (end < this.#waiting.length && this.#dueMs[end]! <= this.#sleepsUntilMs) end += 1
    const due = this.#waiting.splice(0, end).filter((what) => what !== undefined)
    this.#dueMs.splice(0, end)
    this.#cancelled = this.#waiting.filter((what) => what === undefined).length
    this.#first = 0
    this.#tidy()
    this.#sleep()
    for (const what of due) this.#wake(what)
  }
}
