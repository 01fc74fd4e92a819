import { availableParallelism } from "node:os"
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { durationFlag, integerFlag, roomVersionFlag, seedsFlag } from "./flags.ts"
import { jsonFlag } from "./json-flag.ts"
import { suggestName } from "./nearest-name.ts"
import { NotAsExpected, UsageError } from "./outcome.ts"
import { findScenario } from "./run.ts"
import type { SweepSummary } from "./sweep/job.ts"
import { runSweep, type SweepOutcome } from "./sweep/run-sweep.ts"

const parameters = {
  what: Argument.String("scenario|random").pipe(
    Argument.withDescription("The story to play with each seed, or `random`: a plan that the seed draws"),
  ),
  seeds: seedsFlag,
  roomVersion: roomVersionFlag(
    "Room versions: of a scenario one run for each; of random plans those that their rooms may have",
  ),
  workers: integerFlag("workers", 1).pipe(
    Flag.withDescription("How many threads; one for each core unless given"),
    Flag.optional,
  ),
  timeLimit: durationFlag("time-limit").pipe(
    Flag.withDescription("When to stop, whatever is left: 90s, 5m, 1h"),
    Flag.optional,
  ),
  failuresMax: integerFlag("failures-max", 1).pipe(
    Flag.withDescription("Stop after so many failures; 100 unless given"),
    Flag.withDefault(100),
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
  json: jsonFlag,
}

/** Names of faults, with commas between them; an unknown one is wrong usage, and the nearest known one is told. */
const readFaults = Effect.fnUntraced(function* (list: string) {
  const { plannableFaults } = yield* Effect.promise(() => import("#sim/explore/make-plan.ts"))
  const names = [...new Set(list.split(","))]
  const unknown = names.find((name) => !plannableFaults.includes(name))
  if (unknown === undefined) return names
  const advice = suggestName(unknown, plannableFaults)
  return yield* new UsageError({
    message: `random plans have no fault ${JSON.stringify(unknown)}; ${advice}`,
  })
})

/** Ends with the first SIGINT; the second one ends the process at once. */
const interruptSignal = Effect.acquireRelease(
  Effect.sync(() => {
    const controller = new AbortController()
    const stop = (): void => {
      if (controller.signal.aborted) process.exit(130)
      controller.abort()
    }
    process.on("SIGINT", stop)
    return { signal: controller.signal, stop }
  }),
  ({ stop }) => Effect.sync(() => void process.off("SIGINT", stop)),
)

/** `netsplit sweep`: searches seeds for failures, on all cores. */
export const sweep = Command.make(
  "sweep",
  parameters,
  Effect.fnUntraced(function* (input) {
    const scenario = input.what === "random" ? undefined : (yield* findScenario(input.what)).name
    const faults = Option.isSome(input.faults) ? yield* readFaults(input.faults.value) : undefined
    if (faults !== undefined && scenario !== undefined)
      return yield* new UsageError({ message: "--faults is for random plans; a scenario has its own" })
    const [from, to] = input.seeds
    const outcome = yield* Effect.scoped(
      Effect.flatMap(interruptSignal, ({ signal }) =>
        Effect.promise(() =>
          runSweep({
            job: {
              scenario,
              roomVersions: Option.getOrUndefined(input.roomVersion),
              transport: input.transport,
              hostile: input.hostile,
              faults,
            },
            from,
            to,
            workers: Option.getOrElse(input.workers, availableParallelism),
            failuresMax: input.failuresMax,
            timeLimitMs: Option.getOrUndefined(input.timeLimit),
            signal,
          }),
        ),
      ),
    )
    yield* input.json ? Console.log(JSON.stringify(contract(outcome))) : present(outcome)
    if (outcome.resumeFrom !== undefined) {
      const rest = `--seeds ${outcome.resumeFrom}..${to}`
      yield* Console.error(`netsplit: ended early (${outcome.endedBy}); go on with ${rest}`)
    }
    if (outcome.failures.length > 0) return yield* new NotAsExpected({ exitCode: 1 })
    if (outcome.endedBy === "interrupt") return yield* new NotAsExpected({ exitCode: 2 })
  }),
).pipe(
  Command.withDescription(
    "Search seeds for failures, on all cores. Each failure is written as a case file, with the command that repeats it. " +
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
  if (missed.length > 0) yield* Console.log(`never reached: ${missed.join("; ")}`)
})
