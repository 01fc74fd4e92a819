import { randomUUID } from "node:crypto"
import { Console, Effect, Schedule, type Scope } from "effect"
import { EntityAddress, EntityId, MessageStorage, RunnerStorage, Sharding } from "effect/cluster"
import { UsageError } from "../../outcome.ts"
import type { SweepJob } from "../job.ts"
import type { SeedRunner } from "../run-sweep.ts"
import { joinCluster, showDatabase } from "./cluster.ts"
import { hashCode } from "./code-hash.ts"
import { SeedLane } from "./seed-lane.ts"

/** Workers have heard by then that nobody waits for an answer any more. */
const heardWithin = "1 second"

/** A database that is started anew is waited for; what is asked twice is answered once. */
const outage = {
  while: ({ _tag }: { readonly _tag: string }) => _tag === "PersistenceError",
  schedule: Schedule.spaced("1 second"),
  times: 60,
}

/**
 * Has the seeds of a job run by the workers of a cluster, `places` at once. A seed whose worker dies is run by another.
 * Fails where the database cannot be used, or a worker refuses; dies where the simulator itself fails.
 */
export const runOnCluster = Effect.fnUntraced(function* (
  job: SweepJob,
  url: URL,
  places: number,
): Effect.fn.Return<SeedRunner<UsageError>, UsageError, Scope.Scope> {
  const cluster = yield* joinCluster(url)
  return yield* Effect.provide(makeRunner(job, url, places), cluster)
})

const makeRunner = Effect.fnUntraced(function* (job: SweepJob, url: URL, places: number) {
  const broken = (error: { readonly message: string }) =>
    new UsageError({ message: `${showDatabase(url)}: ${error.message}` })
  const workers = yield* Effect.mapError((yield* RunnerStorage.RunnerStorage).getRunners, broken)
  if (workers.length === 0) {
    yield* Console.error(
      `netsplit: no workers yet; on each machine, from the same files: ./netsplit worker --cluster ${showDatabase(url)}`,
    )
  }
  const sweep = randomUUID()
  const lanes = Array.from({ length: places }, (_, number) => `${sweep}-${number}`)
  yield* Effect.addFinalizer(() => Effect.delay(forget(lanes), heardWithin))
  const code = hashCode()
  const laneOf = yield* SeedLane.client
  const free = [...lanes]
  const run: SeedRunner<UsageError>["run"] = (seed) =>
    Effect.acquireUseRelease(
      Effect.sync(() => free.shift()!),
      (lane) => Effect.retry(laneOf(lane).RunSeed({ code, task: { job, seed } }), outage),
      (lane) => Effect.sync(() => void free.push(lane)),
    ).pipe(
      Effect.catch((error) =>
        error._tag === "SeedFailure" && error.isDefect
          ? Effect.die(new Error(error.message))
          : Effect.fail(error._tag === "SeedFailure" ? new UsageError(error) : broken(error)),
      ),
    )
  return { run, places }
})

/** Deletes what was said of a sweep that has ended. */
const forget = Effect.fnUntraced(function* (lanes: readonly string[]) {
  const sharding = yield* Sharding.Sharding
  const storage = yield* MessageStorage.MessageStorage
  const addressOf = (lane: string) => {
    const entityId = EntityId.make(lane)
    const shardId = sharding.getShardId(entityId, "default")
    return EntityAddress.make({ shardId, entityType: SeedLane.type, entityId })
  }
  yield* Effect.forEach(lanes, (lane) => Effect.ignore(storage.clearAddress(addressOf(lane))), {
    discard: true,
    concurrency: 4,
  })
})
