/** Servers on a network: who answers, in whose name, and what becomes of requests when a server goes away. */
import { Effect, Exit, Fiber } from "effect"
import type { WireHandler, WireRequest, WireResponse } from "#spec-impl/federation/wire.ts"
import type { Kernel } from "../kernel/kernel.ts"

/** What comes back from a server that a request has reached. */
export type Outcome =
  | { readonly kind: "response"; readonly response: WireResponse }
  /** `refused`: nobody listens; `reset`: whoever listened is gone, and nobody knows what was done. */
  | { readonly kind: "refused" | "reset" }

interface Attachment {
  readonly handler: WireHandler
  /** Whether it is over with the server, though it has not left the network yet. */
  readonly isGone: () => boolean
  /** The server's own surroundings, its scheduler among them. */
  readonly run: ReturnType<typeof Effect.runForkWith<never>>
  /** The handlers at work. */
  readonly working: Set<Fiber.Fiber<unknown>>
  /** Who is told what comes back. */
  readonly unanswered: Set<(outcome: Outcome) => void>
}

export class Attachments {
  readonly #kernel: Kernel
  readonly #attachments = new Map<string, Attachment>()

  constructor(kernel: Kernel) {
    this.#kernel = kernel
  }

  /**
   * Lets `handler` answer for `server` for as long as the scope lives. From the instant at which that closes,
   * requests are refused and those at work are reset; only then are their handlers interrupted, and waited for. Once
   * `isGone` nothing is handled any more, and nothing that is done then is told; and another may take its place, though it
   * has not left yet.
   */
  readonly attach = Effect.fnUntraced(function* (
    this: Attachments,
    server: string,
    handler: WireHandler,
    isGone: () => boolean = () => false,
  ) {
    const before = this.#attachments.get(server)
    if (before?.isGone() === false) return yield* Effect.die(`${server} is attached already`)
    const run = Effect.runForkWith(yield* this.#kernel.within(server)(Effect.context<never>()))
    const attachment: Attachment = { handler, isGone, run, working: new Set(), unanswered: new Set() }
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        this.#leave(server, this.#attachments.get(server))
        this.#attachments.set(server, attachment)
        this.#kernel.trace.record("attach", server)
      }),
      () => this.#detach(server, attachment),
    )
  }).bind(this)

  #detach(server: string, attachment: Attachment): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#leave(server, attachment)
      return Fiber.interruptAll(attachment.working)
    })
  }

  /** Once, and not where another has come in its place. */
  #leave(server: string, attachment: Attachment | undefined): void {
    if (attachment === undefined || this.#attachments.get(server) !== attachment) return
    this.#attachments.delete(server)
    this.#kernel.trace.record("detach", server)
    const { unanswered } = attachment
    const cut = [...unanswered]
    unanswered.clear()
    for (const tell of cut) tell({ kind: "reset" })
  }

  /**
   * Has the destination handle a request, in a fiber of its own that goes on when the caller does not: a server
   * whose client hangs up finishes what it began. A handler that dies resets the connection; why it died goes
   * to the error reporters of the server.
   */
  handle(request: WireRequest, tell: (outcome: Outcome) => void): void {
    const { destination } = request
    const attachment = this.#attachments.get(destination)
    if (attachment === undefined) {
      tell({ kind: "refused" })
      return
    }
    const { handler, isGone, run, working, unanswered } = attachment
    unanswered.add(tell)
    this.#kernel.enqueue(destination, () => {
      // It may have left before it came to that.
      if (isGone() || this.#attachments.get(destination) !== attachment) return
      const fiber = run(handler(request))
      working.add(fiber)
      fiber.addObserver((exit) => {
        working.delete(fiber)
        if (Exit.isFailure(exit)) run(Effect.withErrorReporting(exit))
        if (!isGone() && unanswered.delete(tell)) tell(this.#outcomeOf(destination, exit))
      })
    })
  }

  #outcomeOf(server: string, exit: Exit.Exit<WireResponse>): Outcome {
    if (Exit.isSuccess(exit)) return { kind: "response", response: exit.value }
    this.#kernel.trace.record("handler-died", server)
    return { kind: "reset" }
  }
}
