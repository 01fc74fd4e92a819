import { Effect, type Scope } from "effect"
import type { SeedResult, SeedTask, SweepJob } from "./job.ts"
import { openPool, type Pool } from "./pool.ts"
import type { SeedRunner } from "./run-sweep.ts"

/** Threads that run seeds; they are ended with the scope, whatever they are at. */
export const openSeedThreads = (
  threads: number,
): Effect.Effect<Pool<SeedTask, SeedResult>, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => openPool(new URL("worker.ts", import.meta.url), threads)),
    (pool) => Effect.promise(() => pool.close()),
  )

/** Runs the seeds of a job on threads of this process. Dies where the simulator itself fails. */
export const runOnThreads = (job: SweepJob, threads: number): Effect.Effect<SeedRunner, never, Scope.Scope> =>
  Effect.map(openSeedThreads(threads), (pool) => ({
    run: (seed) => Effect.promise(() => pool.run({ job, seed })),
    places: threads,
  }))
