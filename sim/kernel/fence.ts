/**
 * A crash is more than closing a Scope: finalizers and uninterruptible regions would go on writing. So a server's
 * boot gets a fence, and from the instant that it falls nothing of that boot goes through it any more.
 */
import { Effect } from "effect"

export class Fence {
  #fallen = false

  /** Whether the boot is over. */
  get fallen(): boolean {
    return this.#fallen
  }

  /** From now on nothing passes. */
  fall(): void {
    this.#fallen = true
  }

  /** What passes while the boot lasts; once it is over neither its effects nor its results do. */
  guard<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.suspend(() =>
      this.#fallen
        ? stopped
        : Effect.matchCauseEffect(effect, {
            onFailure: (cause) => (this.#fallen ? stopped : Effect.failCause(cause)),
            onSuccess: (value) => (this.#fallen ? stopped : Effect.succeed(value)),
          }),
    )
  }
}

/** What a process that is gone would have done next. Who is interrupted at it ends, though it be in the midst of a commit. */
export const stopped = Effect.interruptible(Effect.never)
