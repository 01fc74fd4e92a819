/** Deals the seeds of a sweep to those who run them, and sums up what they found. */
import { Deferred, Effect, Fiber, type Scope } from "effect"
import { roomVersionsOf, writeCase } from "./case-files.ts"
import type { SeedResult, SweepFailure, SweepSummary } from "./job.ts"
import { showProgress } from "./progress.ts"
import { countSeeds, dealSeeds, type SeedRange } from "./seed-ranges.ts"

/** Who runs seeds: threads of this process, or the workers of a cluster. */
export interface SeedRunner<E = never> {
  /** Waits for a place, and for what the seed comes to. */
  readonly run: (seed: number) => Effect.Effect<SeedResult, E>
  /** How many seeds it takes at once. */
  readonly places: number
}

export interface FoundFailure extends SweepFailure {
  readonly roomVersions: readonly string[]
  /** How many events its run had. */
  readonly events: number
}

/** What a sweep has come to. */
export interface SweepState {
  readonly seedsRun: number
  readonly left: readonly SeedRange[]
  /** In the order of their coming. Their cases are in files: there may be thousands. */
  readonly failures: readonly FoundFailure[]
  readonly goals: Readonly<Record<string, number>>
}

export interface SweepOptions<E> {
  readonly seeds: readonly SeedRange[]
  readonly runner: SeedRunner<E>
  readonly failuresMax: number
  readonly timeLimitMs: number | undefined
  /** Ends the sweep when it ends; what was done counts. */
  readonly interrupted: Effect.Effect<void>
  /** Is told the state every second, and at the end, also where a runner fails. */
  readonly keep: (state: SweepState) => Effect.Effect<void>
}

export interface SweepOutcome extends SweepSummary {
  /** Seeds that were not run, where the sweep ended early. */
  readonly left: readonly SeedRange[]
  readonly endedBy: "done" | "interrupt" | "time limit" | "failures"
}

/** What is at work when a sweep is ended early has so long to end by itself. */
const grace = "3 seconds"
const keepEvery = "1 second"

/** Runs the seeds, in order but many at once. Fails where the runner does. */
export const runSweep = <E>(options: SweepOptions<E>): Effect.Effect<SweepOutcome, E> =>
  Effect.scoped(sweepSeeds(options))

const sweepSeeds = Effect.fnUntraced(function* <E>({
  seeds,
  runner,
  failuresMax,
  timeLimitMs,
  interrupted,
  keep,
}: SweepOptions<E>): Effect.fn.Return<SweepOutcome, E, Scope.Scope> {
  const startedMs = performance.now()
  const seedsInAll = countSeeds(seeds)
  const progress = showProgress(seedsInAll, "seeds")
  const dealer = dealSeeds(seeds)
  let seedsRun = 0
  const failures: FoundFailure[] = []
  const goals: Record<string, number> = {}
  const stateNow = (): SweepState => ({
    ...{ seedsRun, left: dealer.left(), failures: [...failures], goals: { ...goals } },
  })

  const ended = yield* Deferred.make<SweepOutcome["endedBy"]>()
  const endBy = (why: SweepOutcome["endedBy"]) => Deferred.succeed(ended, why)
  yield* Effect.forkScoped(Effect.andThen(interrupted, endBy("interrupt")))
  if (timeLimitMs !== undefined) yield* Effect.forkScoped(Effect.delay(endBy("time limit"), timeLimitMs))

  const take = Effect.fnUntraced(function* (result: SeedResult) {
    const written = yield* Effect.promise(() => writeCases(result))
    seedsRun++
    dealer.done(result.seed)
    failures.push(...written)
    for (const [name, count] of Object.entries(result.goals)) goals[name] = (goals[name] ?? 0) + count
    progress.update(seedsRun, failures.length)
    if (failures.length >= failuresMax) yield* endBy("failures")
  })
  const work = Effect.gen(function* () {
    while (!Deferred.isDoneUnsafe(ended)) {
      const seed = dealer.deal()
      if (seed === undefined) return
      yield* Effect.flatMap(runner.run(seed), take)
    }
  })
  const places = Array.from({ length: Math.min(runner.places, seedsInAll) }, () => work)
  const all = Effect.all(places, { concurrency: "unbounded", discard: true })
  const keeper = yield* Effect.suspend(() => keep(stateNow())).pipe(
    Effect.andThen(Effect.sleep(keepEvery)),
    Effect.forever,
    Effect.forkScoped,
  )
  yield* Effect.raceFirst(all, Effect.andThen(Deferred.await(ended), Effect.sleep(grace))).pipe(
    Effect.ensuring(
      Effect.suspend(() => {
        progress.end()
        return Effect.andThen(Fiber.interrupt(keeper), keep(stateNow()))
      }),
    ),
  )
  yield* endBy("done")
  const left = dealer.left()
  return {
    seedsRun,
    seconds: Math.round((performance.now() - startedMs) / 10) / 100,
    failures: inOrder(failures),
    goals,
    left,
    endedBy: left.length === 0 ? "done" : yield* Deferred.await(ended),
  }
})

const writeCases = ({ seed, cases, events }: SeedResult): Promise<readonly FoundFailure[]> =>
  Promise.all(
    cases.map(async (found) => {
      const { check, why, shape } = found
      const caseFile = await writeCase(found)
      return { seed, check, why, shape, caseFile, roomVersions: roomVersionsOf(found), events }
    }),
  )

/** In the order of seeds, whichever was the faster. */
const inOrder = (failures: readonly SweepFailure[]): readonly SweepFailure[] =>
  failures.toSorted((a, b) => a.seed - b.seed)
