import { randomUUID } from "node:crypto"
import { hostname } from "node:os"
import { Effect, Layer, type Scope, Semaphore } from "effect"
import type { UsageError } from "../../outcome.ts"
import { openSeedThreads } from "../threads.ts"
import { joinCluster } from "./cluster.ts"
import { hashCode } from "./code-hash.ts"
import { SeedFailure, SeedLane } from "./seed-lane.ts"

/**
 * Runs seeds for the sweeps of a cluster, on threads of this process, until the scope ends; what it was at is then run
 * by others. Gives the name by which the cluster knows it.
 */
export const serveLanes = Effect.fnUntraced(function* (
  url: URL,
  threads: number,
): Effect.fn.Return<string, UsageError, Scope.Scope> {
  const pool = yield* openSeedThreads(threads)
  const semaphore = Semaphore.makeUnsafe(threads)
  const name = `${hostname()}-${randomUUID().slice(0, 8)}`
  const code = hashCode()
  const lanes = SeedLane.toLayer({
    RunSeed: ({ payload }) =>
      payload.code === code
        ? semaphore.withPermits(1)(
            Effect.tryPromise({
              try: () => pool.run(payload.task),
              catch: (error) => new SeedFailure({ isDefect: true, message: whyNot(error) }),
            }),
          )
        : new SeedFailure({
            isDefect: false,
            message: `the worker ${name} has other code: start all from the same files, after the same npm ci`,
          }),
  })
  const cluster = yield* joinCluster(url, { name, weight: threads })
  yield* Effect.provide(Layer.build(lanes), cluster)
  return name
})

const whyNot = (error: unknown): string => (error instanceof Error ? error.message : String(error))
