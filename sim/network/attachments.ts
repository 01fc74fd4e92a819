/** Servers on a network: who answers, in whose name, and what becomes of requests when a server goes away. */
import { type Context, Deferred, Effect, Exit, Scope } from "effect"
import type { WireHandler, WireRequest, WireResponse } from "#spec-impl/federation/wire.ts"
import type { Kernel } from "../kernel/kernel.ts"

/** What comes back from a server that a request has reached. */
export type Outcome =
  | { readonly kind: "response"; readonly response: WireResponse }
  /** `refused`: nobody listens; `reset`: whoever listened is gone, and nobody knows what was done. */
  | { readonly kind: "refused" | "reset" }

interface Attachment {
  readonly handler: WireHandler
  /** The server's own surroundings, its scheduler among them. */
  readonly context: Context.Context<never>
  /** Of the handlers at work. */
  readonly scope: Scope.Closeable
  readonly unanswered: Set<Deferred.Deferred<Outcome>>
}

export class Attachments {
  readonly #kernel: Kernel
  readonly #attachments = new Map<string, Attachment>()

  constructor(kernel: Kernel) {
    this.#kernel = kernel
  }

  /**
   * Lets `handler` answer for `server` for as long as the scope lives. From the instant at which that closes,
   * requests are refused and those at work are reset; only then are their handlers interrupted, and waited for.
   */
  readonly attach = Effect.fnUntraced(function* (this: Attachments, server: string, handler: WireHandler) {
    if (this.#attachments.has(server)) return yield* Effect.die(`${server} is attached already`)
    const context = yield* this.#kernel.within(server)(Effect.context<never>())
    const scope = Scope.makeUnsafe("parallel")
    const attachment: Attachment = { handler, context, scope, unanswered: new Set() }
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        this.#attachments.set(server, attachment)
        this.#kernel.trace.record("attach", server)
      }),
      () => this.#detach(server, attachment),
    )
  }).bind(this)

  #detach(server: string, attachment: Attachment): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#attachments.delete(server)
      this.#kernel.trace.record("detach", server)
      for (const outcome of attachment.unanswered)
        Deferred.doneUnsafe(outcome, Exit.succeed({ kind: "reset" }))
      attachment.unanswered.clear()
      return Scope.close(attachment.scope, Exit.void)
    })
  }

  /**
   * Has the destination handle a request, in a fiber of its own that goes on when the caller does not: a server
   * whose client hangs up finishes what it began. A handler that dies resets the connection; why it died goes
   * to the error reporters of the server.
   */
  readonly handle = (request: WireRequest): Effect.Effect<Outcome> =>
    Effect.suspend(() => {
      const attachment = this.#attachments.get(request.destination)
      if (attachment === undefined) return Effect.succeed({ kind: "refused" })
      const outcome = Deferred.makeUnsafe<Outcome>()
      attachment.unanswered.add(outcome)
      const handling = attachment.handler(request).pipe(
        Effect.withErrorReporting,
        Effect.onExit((exit) =>
          Effect.sync(() => {
            if (!attachment.unanswered.delete(outcome)) return
            Deferred.doneUnsafe(outcome, Exit.succeed(this.#outcomeOf(request.destination, exit)))
          }),
        ),
      )
      return Effect.forkIn(handling, attachment.scope).pipe(
        Effect.updateContext((_: Context.Context<never>) => attachment.context),
        Effect.andThen(Deferred.await(outcome)),
      )
    })
  #outcomeOf(server: string, exit: Exit.Exit<WireResponse>): Outcome {
    if (Exit.isSuccess(exit)) return { kind: "response", response: exit.value }
    this.#kernel.trace.record("handler-died", server)
    return { kind: "reset" }
  }
}
