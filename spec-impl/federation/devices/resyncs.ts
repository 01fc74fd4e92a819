/** Fetching lists anew until that succeeds: one server's users one after another, with growing waits. */
import { Effect, Latch, type Scope } from "effect"
import { domainOf } from "../../core/identifiers.ts"
import type { HomeserverSettings } from "../../homeserver/settings.ts"

interface ServerQueue {
  /** In the order in which they are tried. */
  readonly userIds: Set<string>
  failures: number
  isRunning: boolean
  /** Closed while it waits to try again. */
  readonly retry: Latch.Latch
}

export interface Resyncs {
  /** Has the user's list fetched, soon and until it is there. */
  readonly ask: (userId: string) => Effect.Effect<void>
  /** A server that speaks to us can be asked: it is tried at once. */
  readonly heardFrom: (server: string) => void
}

/** `attempt` fetches the list of one user, and says whether nothing is left to do; it is never run twice at once for a server. */
export const makeResyncs = (
  attempt: (userId: string) => Effect.Effect<boolean>,
  { retryMsMin, retryMsMax }: HomeserverSettings,
  scope: Scope.Scope,
): Resyncs => {
  const queues = new Map<string, ServerQueue>()

  const queueOf = (server: string): ServerQueue => {
    const known = queues.get(server)
    if (known !== undefined) return known
    const made = { userIds: new Set<string>(), failures: 0, isRunning: false, retry: Latch.makeUnsafe(true) }
    queues.set(server, made)
    return made
  }

  const waitToRetry = Effect.fnUntraced(function* (queue: ServerQueue) {
    queue.failures += 1
    queue.retry.closeUnsafe()
    const waitMs = Math.min(retryMsMin * 2 ** (queue.failures - 1), retryMsMax)
    yield* queue.retry.await.pipe(Effect.timeoutOption(waitMs))
    queue.retry.openUnsafe()
  })

  const run = Effect.fnUntraced(function* (queue: ServerQueue) {
    for (let [userId] = queue.userIds; userId !== undefined; [userId] = queue.userIds) {
      // Taken off first: what asks for it meanwhile puts it back.
      queue.userIds.delete(userId)
      if (yield* attempt(userId)) queue.failures = 0
      else {
        queue.userIds.add(userId)
        yield* waitToRetry(queue)
      }
    }
    queue.isRunning = false
  })

  return {
    ask: (userId) =>
      Effect.suspend(() => {
        const queue = queueOf(domainOf(userId) ?? "")
        queue.userIds.add(userId)
        if (queue.isRunning) return Effect.void
        queue.isRunning = true
        return Effect.asVoid(Effect.forkIn(run(queue), scope))
      }),
    heardFrom: (server) => {
      const queue = queues.get(server)
      if (queue === undefined) return
      queue.failures = 0
      queue.retry.openUnsafe()
    },
  }
}
