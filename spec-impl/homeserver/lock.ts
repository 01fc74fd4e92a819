/**
 * What one at a time holds, each in its turn. As effect's Semaphore of one permit, but that to take what is free costs next to
 * nothing: three of them are held around each event that comes in.
 */
import { Effect } from "effect"

/** A wish for locks: who waits for one, or has it. */
interface Turn {
  /** Has who waits go on. */
  wake: (() => void) | undefined
}

export class Lock {
  /** Who has it; where that is nobody, nobody waits. */
  #holder: Turn | undefined
  readonly #waiting = new Set<Turn>()

  /**
   * Does `use` while nobody else has any of those locks, which are taken in their order. What is given is run once at a
   * time.
   */
  static hold<A, E, R>(locks: readonly Lock[], use: () => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    const turn: Turn = { wake: undefined }
    const take = (): Effect.Effect<A, E, R> => {
      for (const lock of locks) {
        if (!lock.#take(turn)) return Effect.andThen(lock.#wait(turn), Effect.suspend(take))
      }
      return use()
    }
    const give = (): undefined => {
      for (let at = locks.length - 1; at >= 0; at--) locks[at]!.#give(turn)
    }
    return Effect.onExitPrimitive(Effect.suspend(take), give)
  }

  /** Whoever has the lock lets others have it while `effect` runs, and then waits for another turn. */
  lend<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.suspend(() => {
      const turn = this.#holder
      if (turn === undefined) return Effect.die(new Error("who does not have a lock cannot lend it"))
      this.#give(turn)
      return Effect.onExitPrimitive(effect, () => (this.#take(turn) ? undefined : this.#wait(turn)))
    })
  }

  /** Whether it is had now, or was already; else the turn comes when all before it are over. */
  #take(turn: Turn): boolean {
    this.#holder ??= turn
    if (this.#holder === turn) return true
    this.#waiting.add(turn)
    return false
  }

  #wait(turn: Turn): Effect.Effect<void> {
    return Effect.withFiber((fiber) =>
      Effect.callback<void>((resume) => {
        const wake = (): void => resume(Effect.void)
        if (this.#holder === turn) wake()
        // In a step of its own: whoever gives a lock away is not through with its own.
        else turn.wake = () => fiber.currentDispatcher.scheduleTask(wake, 0)
      }),
    )
  }

  /** It is the next one's, or nobody's. Who waited waits no more. */
  #give(turn: Turn): void {
    if (this.#holder !== turn) {
      this.#waiting.delete(turn)
      return
    }
    this.#holder = undefined
    for (const next of this.#waiting) {
      this.#waiting.delete(next)
      this.#holder = next
      next.wake?.()
      return
    }
  }
}
