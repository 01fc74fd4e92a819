/** When to try again what failed: one fiber for all that wait, since of a thousand servers hundreds may be down. */
import { type Clock, type Context, Duration, Effect, Exit, Fiber } from "effect"

interface Waiting<A> {
  readonly atMs: number
  readonly what: A
}

const nanosPerMilli = 1_000_000n

/** What waits, by when it is due on this server's clock, however that is set meanwhile. */
export class Retries<A> {
  readonly #run: ReturnType<typeof Effect.runForkWith<never>>
  readonly #clock: Clock.Clock
  readonly #wake: (what: A) => void
  /** The first that is due stands first. */
  readonly #waiting: Waiting<A>[] = []
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
    const waiting = { atMs: this.#nowMs() + ms, what }
    let at = this.#waiting.length
    while (at > 0 && this.#waiting[at - 1]!.atMs > waiting.atMs) at -= 1
    this.#waiting.splice(at, 0, waiting)
    if (at === 0) this.#sleep()
  }

  /** Whether `what` waited; it does not any more. */
  cancel(what: A): boolean {
    const at = this.#waiting.findIndex((waiting) => waiting.what === what)
    if (at < 0) return false
    this.#waiting.splice(at, 1)
    if (at === 0) this.#sleep()
    return true
  }

  /** Wakes nothing any more. */
  readonly end: Effect.Effect<void> = Effect.suspend(() => {
    this.#waiting.length = 0
    return this.#sleeper === undefined ? Effect.void : Fiber.interrupt(this.#sleeper)
  })

  #nowMs(): number {
    return Number(this.#clock.monotonicTimeNanosUnsafe() / nanosPerMilli)
  }

  #sleep(): void {
    this.#sleeper?.interruptUnsafe()
    this.#sleeper = undefined
    const [first] = this.#waiting
    if (first === undefined) return
    const sleepMs = Math.max(0, first.atMs - this.#nowMs())
    const sleeper = this.#run(this.#clock.sleep(Duration.millis(sleepMs)))
    this.#sleeper = sleeper
    this.#sleepsUntilMs = first.atMs
    sleeper.addObserver((exit) => {
      if (Exit.isSuccess(exit) && this.#sleeper === sleeper) this.#wakeAll()
    })
  }

  /** Those that are due when the sleep is over: by the clock that it was slept by, which may be wrong. */
  #wakeAll(): void {
    const end = this.#waiting.findIndex(({ atMs }) => atMs > this.#sleepsUntilMs)
    const due = this.#waiting.splice(0, end < 0 ? this.#waiting.length : end)
    this.#sleep()
    for (const { what } of due) this.#wake(what)
  }
}
