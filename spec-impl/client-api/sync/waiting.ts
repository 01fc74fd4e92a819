/** Waiting until there may be something that a client has not been told (client-server API §GET /sync: `timeout`). */
import { Deferred, Effect } from "effect"

/** What calls its listener when something happens, until what it gives is called. */
type Watch = (listener: () => void) => () => void

export class Waiting {
  readonly #watches: readonly Watch[]
  readonly #waiters = new Set<Deferred.Deferred<void>>()
  #isOver = false

  constructor(...watches: readonly Watch[]) {
    this.#watches = watches
  }

  /** How many wait: for observers. */
  get count(): number {
    return this.#waiters.size
  }

  /** Whether nobody waits any more, because the server stops. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Everybody goes on, and nobody waits any more. */
  end(): void {
    this.#isOver = true
    for (const waiter of this.#waiters) Deferred.doneUnsafe(waiter, Effect.void)
  }

  /** Waits until something happens, or `isNow` already, for at most so long. Whoever is interrupted leaves nothing. */
  until(isNow: () => boolean, waitMs: number): Effect.Effect<void> {
    return Effect.acquireUseRelease(
      Effect.sync(() => {
        const waiter = Deferred.makeUnsafe<void>()
        this.#waiters.add(waiter)
        const stops = this.#watches.map((watch) => watch(() => Deferred.doneUnsafe(waiter, Effect.void)))
        if (isNow() || this.#isOver) Deferred.doneUnsafe(waiter, Effect.void)
        return { waiter, stops }
      }),
      ({ waiter }) => Effect.asVoid(Effect.timeoutOption(Deferred.await(waiter), waitMs)),
      ({ waiter, stops }) =>
        Effect.sync(() => {
          this.#waiters.delete(waiter)
          for (const stop of stops) stop()
        }),
    )
  }
}
