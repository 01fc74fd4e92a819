/** When to try again what failed: one fiber for all that wait, since of a thousand servers hundreds may be down. */
import { type Clock, type Context, Duration, Effect, Exit, Fiber } from "effect"

const nanosPerMilli = 1_000_000n

/** What waits, by when it is due on this server's clock, however that is set meanwhile. */
export class Retries<A> {
  readonly #run: ReturnType<typeof Effect.runForkWith<never>>
  readonly #clock: Clock.Clock
  readonly #wake: (what: A) => void
  /** The first that is due stands first. */
  readonly #waiting: A[] = []
  /** When each is due. */
  readonly #dueMs: number[] = []
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
    while (at > 0 && this.#dueMs[at - 1]! > dueMs) at -= 1
    this.#waiting.splice(at, 0, what)
    this.#dueMs.splice(at, 0, dueMs)
    if (at === 0) this.#sleep()
  }

  /** Whether `what` waited; it does not any more. */
  cancel(what: A): boolean {
    const at = this.#waiting.indexOf(what)
    if (at < 0) return false
    this.#waiting.splice(at, 1)
    this.#dueMs.splice(at, 1)
    if (at === 0) this.#sleep()
    return true
  }

  /** Wakes nothing any more. */
  readonly end: Effect.Effect<void> = Effect.suspend(() => {
    this.#waiting.length = 0
    this.#dueMs.length = 0
    return this.#sleeper === undefined ? Effect.void : Fiber.interrupt(this.#sleeper)
  })

  #nowMs(): number {
    return Number(this.#clock.monotonicTimeNanosUnsafe() / nanosPerMilli)
  }

  #sleep(): void {
    this.#sleeper?.interruptUnsafe()
    this.#sleeper = undefined
    const [firstMs] = this.#dueMs
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
    const end = this.#dueMs.findIndex((dueMs) => dueMs > this.#sleepsUntilMs)
    const count = end < 0 ? this.#waiting.length : end
    const due = this.#waiting.splice(0, count)
    this.#dueMs.splice(0, count)
    this.#sleep()
    for (const what of due) this.#wake(what)
  }
}
