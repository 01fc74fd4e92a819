/** How often each may ask (client-server API §Rate limiting). */
import { Clock, Effect } from "effect"
import { limitExceeded, type MatrixError } from "../matrix-error.ts"

const windowMs = 60_000

export class RequestLimit {
  readonly #perMinuteMax: number
  readonly #counts = new Map<string, number>()
  #windowStartMs = 0

  constructor(perMinuteMax: number) {
    this.#perMinuteMax = perMinuteMax
  }

  /** Counts a request of `who`; 429 with the time until the next minute where it is one too many. */
  readonly check = (who: string): Effect.Effect<void, MatrixError> =>
    Effect.flatMap(Clock.currentTimeMillis, (nowMs) => {
      if (nowMs >= this.#windowStartMs + windowMs) {
        this.#windowStartMs = nowMs
        this.#counts.clear()
      }
      const count = (this.#counts.get(who) ?? 0) + 1
      this.#counts.set(who, count)
      return count <= this.#perMinuteMax
        ? Effect.void
        : Effect.fail(limitExceeded(`${who} has asked too often`, this.#windowStartMs + windowMs - nowMs))
    })
}
