import { availableParallelism } from "node:os"
import { Console, Effect, Option, type Scope } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { clusterFlag, durationFlag, integerFlag, roomVersionFlag, seedsFlag } from "./flags.ts"
import { jsonFlag } from "./json-flag.ts"
import { NotAsExpected, UsageError } from "./outcome.ts"
import { resumeLine, showCommandLine } from "./recording/command-line.ts"
import { Argv, recorded } from "./recording/recorded.ts"
import { sweepKeeper } from "./recording/sweep-rows.ts"
import { findScenario } from "./run.ts"
import { stopSignal } from "./stop-signal.ts"
import type { SweepJob, SweepSummary } from "./sweep/job.ts"
import { runSweep, type SeedRunner, type SweepOutcome } from "./sweep/run-sweep.ts"
import { countSeeds, showSeeds } from "./sweep/seed-ranges.ts"
import { runOnThreads } from "./sweep/threads.ts"

const parameters = {
  what: Argument.String("scenario|random").pipe(
    Argument.withDescription("The story to play with each seed, or `random`: a plan that the seed draws"),
  ),
  seeds: seedsFlag,
  roomVersion: roomVersionFlag(
    "Room versions: of a scenario one run for each; of random plans those that their rooms may have",
  ),
  workers: integerFlag("workers", 1).pipe(
    Flag.withDescription(
      "How many threads; one for each core unless given. With --cluster: how many seeds under way, 256",
    ),
    Flag.optional,
  ),
  cluster: Flag.optional(clusterFlag),
  timeLimit: durationFlag("time-limit").pipe(
    Flag.withDescription("When to stop, whatever is left: 90s, 5m, 1h"),
    Flag.optional,
  ),
  failuresMax: integerFlag("failures-max", 1).pipe(
    Flag.withDescription("Stop after so many failures; 1,000 unless given"),
    Flag.withDefault(1_000),
  ),
  transport: Flag.Literals("transport", ["http", "direct"]).pipe(
    Flag.withDescription("Whole requests as bytes (http), or typed calls, for speed (direct)"),
    Flag.withDefault("direct"),
  ),
  hostile: Flag.Boolean("hostile").pipe(
    Flag.withDescription("Let random plans have servers that sign what the rules forbid"),
    Flag.withDefault(false),
  ),
  faults: Flag.String("faults").pipe(
    Flag.withMetavar("NAME,NAME…"),
    Flag.withDescription(
      "The faults that random plans have, when and where is drawn; else which ones is drawn too",
    ),
    Flag.optional,
  ),
  mutant: Flag.String("mutant").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription("One server of each random plan is that mutant (docs/mutants.md)"),
    Flag.optional,
  ),
  json: jsonFlag,
}

/** Names of faults, with commas between them. Fails for one that random plans do not have. */
const readFaults = Effect.fnUntraced(function* (list: string) {
  const { plannableFaults, unknownPlannableFault } = yield* Effect.promise(
    () => import("#sim/explore/draw-options.ts"),
  )
  const names = [...new Set(list.split(","))]
  const unknown = names.find((name) => !plannableFaults.includes(name))
  return unknown === undefined ? names : yield* new UsageError({ message: unknownPlannableFault(unknown) })
})

/** Fails for a name that no mutant has. */
const checkMutant = Effect.fnUntraced(function* (name: string) {
  const { mutantNamed, unknownMutant } = yield* Effect.promise(() => import("#sim/mutants/catalogue.ts"))
  if (mutantNamed(name) === undefined) return yield* new UsageError({ message: unknownMutant(name) })
})

const makeRunner = Effect.fnUntraced(function* (
  job: SweepJob,
  cluster: URL | undefined,
  workers: number,
): Effect.fn.Return<SeedRunner<UsageError>, UsageError, Scope.Scope> {
  if (cluster === undefined) return yield* runOnThreads(job, workers)
  const { runOnCluster } = yield* Effect.promise(() => import("./sweep/cluster/run-on-cluster.ts"))
  return yield* runOnCluster(job, cluster, workers)
})

/** `netsplit sweep`: searches seeds for failures, on all cores. */
export const sweep = Command.make(
  "sweep",
  parameters,
  Effect.fnUntraced(function* (input) {
    const scenario = input.what === "random" ? undefined : (yield* findScenario(input.what)).name
    const mutant = Option.getOrUndefined(input.mutant)
    if (mutant !== undefined) yield* checkMutant(mutant)
    const faults = Option.isSome(input.faults) ? yield* readFaults(input.faults.value) : undefined
    if (faults !== undefined && scenario !== undefined)
      return yield* new UsageError({ message: "--faults is for random plans: a scenario has its own" })
    const { seeds, failuresMax } = input
    const job: SweepJob = {
      scenario,
      roomVersions: Option.getOrUndefined(input.roomVersion),
      transport: input.transport,
      hostile: input.hostile,
      faults,
      mutant,
    }
    const timeLimitMs = Option.getOrUndefined(input.timeLimit)
    const workers = Option.getOrElse(input.workers, () =>
      Option.isSome(input.cluster) ? 256 : availableParallelism(),
    )
    const options = { ...job, seeds: showSeeds(seeds), workers, failuresMax, timeLimitMs }
    yield* recorded(
      { command: "sweep", options },
      Effect.fnUntraced(function* (recording) {
        const outcome = yield* Effect.scoped(
          Effect.gen(function* () {
            const interrupted = yield* stopSignal
            const runner = yield* makeRunner(job, Option.getOrUndefined(input.cluster), workers)
            const keep = sweepKeeper(recording, input.what, seeds)
            return yield* runSweep({ seeds, runner, failuresMax, timeLimitMs, interrupted, keep })
          }),
        )
        yield* input.json ? Console.log(JSON.stringify(contract(outcome))) : present(outcome)
        if (outcome.left.length > 0) yield* Console.error(adviseToResume(outcome, yield* Argv))
        if (outcome.failures.length > 0) return yield* new NotAsExpected({ exitCode: 1 })
        if (outcome.endedBy === "interrupt") return yield* new NotAsExpected({ exitCode: 2 })
      }),
    )
  }),
).pipe(
  Command.withDescription(
    "Search seeds for failures, on all cores, or with --cluster on all machines where a `netsplit worker` runs. " +
      "Each failure is written as a case file, with the command that repeats it. " +
      "Exit code: 0 no failure, 1 failures, 2 interrupted before any, 64 wrong usage.",
  ),
  Command.withShortDescription("Search seeds for failures"),
  Command.withExamples([
    {
      command: "netsplit sweep random --seeds 1..1000 --room-version 11",
      description: "A thousand random plans, with rooms of version 11",
    },
  ]),
)

const adviseToResume = ({ endedBy, left }: SweepOutcome, argv: readonly string[]): string =>
  `netsplit: ended early (${endedBy}), ${countSeeds(left)} seeds left; go on with: ${resumeLine(showCommandLine(argv), showSeeds(left))}`

const contract = ({ seedsRun, seconds, failures, goals }: SweepOutcome): SweepSummary => ({
  seedsRun,
  seconds,
  failures: failures.map(({ seed, check, why, shape, caseFile }) => ({ seed, check, why, shape, caseFile })),
  goals,
})

const present = Effect.fnUntraced(function* ({ seedsRun, seconds, failures, goals }: SweepOutcome) {
  for (const { seed, check, why, shape, caseFile } of failures) {
    yield* Console.log(`seed ${seed}: ${check}${shape === null ? "" : ` (${shape})`}: ${why}`)
    yield* Console.log(`  ./netsplit replay ${caseFile}`)
  }
  const rate = (seedsRun / Math.max(seconds, 0.01)).toFixed(1)
  yield* Console.log(`${seedsRun} seeds in ${seconds} s (${rate} a second), ${failures.length} failures`)
  const names = Object.keys(goals)
  if (names.length === 0) return
  const missed = names.filter((name) => goals[name] === 0)
  yield* Console.log(`${names.length - missed.length} of ${names.length} goals reached`)
  if (missed.length === 0) return
  const { neededFor } = yield* Effect.promise(() => import("#sim/explore/goals.ts"))
  for (const name of missed) yield* Console.log(`never reached: ${name}; it takes ${neededFor(name)}`)
})
