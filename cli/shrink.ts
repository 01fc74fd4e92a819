import { availableParallelism } from "node:os"
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import type { PlanCase } from "#sim/explore/case.ts"
import { isFault, type Plan } from "#sim/explore/plan.ts"
import { failsFor, failureOfCase, isEndless } from "#sim/explore/reason.ts"
import { shrinkPlan } from "#sim/explore/shrink.ts"
import { durationFlag, integerFlag } from "./flags.ts"
import { givenCase } from "./given-case.ts"
import { jsonFlag } from "./json-flag.ts"
import { NotAsExpected, UsageError } from "./outcome.ts"
import { caseRow } from "./recording/case-row.ts"
import { type Recording, recorded } from "./recording/recorded.ts"
import { stopSignal } from "./stop-signal.ts"
import { loadCase, writeShrunkCase } from "./sweep/case-files.ts"
import { openPool, type Pool } from "./sweep/pool.ts"
import { showProgress } from "./sweep/progress.ts"
import type { Trial, Tried } from "./sweep/shrink-worker.ts"

const parameters = {
  given: Argument.String("case").pipe(
    Argument.withDescription(
      "A case that a sweep wrote, a plan that fails, or the id of a result: 17, or 17.2 of several",
    ),
  ),
  workers: integerFlag("workers", 1).pipe(
    Flag.withDescription("How many threads; one for each core unless given"),
    Flag.optional,
  ),
  timeLimit: durationFlag("time-limit").pipe(
    Flag.withDescription("When to stop, however small it is by then; 5m unless given"),
    Flag.withDefault(300_000),
  ),
  json: jsonFlag,
}

interface Size {
  readonly events: number
  readonly servers: number
  readonly faults: number
}

interface Shrunk {
  readonly before: Size
  readonly after: Size
  readonly seconds: number
  readonly caseFile: string
  readonly sameFailure: boolean
}

const sizeOf = (plan: Plan, { events }: Tried): Size => ({
  events,
  servers: plan.servers.length,
  faults: plan.entries.filter(isFault).length,
})

const shrinkWith = async (
  pool: Pool<Trial, Tried>,
  found: PlanCase,
  options: {
    readonly parallel: number
    readonly timeLimitMs: number
    readonly isInterrupted: () => boolean
    readonly file: string
  },
): Promise<Shrunk | undefined> => {
  const startedMs = performance.now()
  const { plan, transport } = found
  const first = await pool.run({ plan, transport })
  const failure = failureOfCase(found, first.failures)
  if (failure === undefined) return undefined
  const { reason, check } = failure
  const lookFor = { check, reason }
  const progress = showProgress(plan.entries.length, "entries left out")
  const smallest = await shrinkPlan(plan, {
    ask: async (smaller, most) => {
      const stepsMax = isEndless(reason) ? first.steps : most
      const tried = await pool.run({ plan: smaller, transport, stepsMax, lookFor })
      return failsFor(reason, tried.failures) ? tried : undefined
    },
    first,
    parallel: options.parallel,
    isOver: () => options.isInterrupted() || performance.now() - startedMs > options.timeLimitMs,
    onSmaller: ({ entries }) => progress.update(plan.entries.length - entries.length, 1),
  })
  progress.end()
  const last = await pool.run({ plan: smallest, transport })
  const same = last.failures.find((tried) => tried.reason === reason)
  const { why, shape } = same ?? failure
  return {
    before: sizeOf(plan, first),
    after: sizeOf(smallest, last),
    seconds: Math.round((performance.now() - startedMs) / 10) / 100,
    caseFile: await writeShrunkCase({ check, why, shape, transport, plan: smallest }, options.file),
    sameFailure: same !== undefined,
  }
}

const shrinkers = (threads: number) =>
  Effect.acquireRelease(
    Effect.sync(() => openPool<Trial, Tried>(new URL("sweep/shrink-worker.ts", import.meta.url), threads)),
    (pool) => Effect.promise(() => pool.close()),
  )

const describeSize = ({ events, servers, faults }: Size): string =>
  `${events} events, ${servers} servers, ${faults} faults`

const keepShrunk = Effect.fnUntraced(function* (recording: Recording, shrunk: Shrunk) {
  yield* recording.report(shrunk)
  const smallest = yield* loadCase(shrunk.caseFile)
  if (!("plan" in smallest)) return
  yield* recording.add("cases", [caseRow(smallest, shrunk.after.events, shrunk.caseFile)])
})

/** `netsplit shrink`: the smallest plan that fails in the same way. */
export const shrink = Command.make(
  "shrink",
  parameters,
  Effect.fnUntraced(function* (input) {
    const { found, file } = yield* givenCase(input.given)
    if (!("plan" in found)) {
      return yield* new UsageError({
        message: `${JSON.stringify(input.given)} is a case of the scenario ${found.scenario}: only plans are shrunk`,
      })
    }
    const parallel = Option.getOrElse(input.workers, availableParallelism)
    const options = { case: input.given, threads: parallel, timeLimitMs: input.timeLimit }
    yield* recorded(
      { command: "shrink", seed: found.plan.seed, options },
      Effect.fnUntraced(function* (recording) {
        const { timeLimit: timeLimitMs } = input
        const shrunk = yield* Effect.scoped(
          Effect.gen(function* () {
            const interrupted = yield* Effect.forkScoped(yield* stopSignal)
            const isInterrupted = () => interrupted.pollUnsafe() !== undefined
            const pool = yield* shrinkers(parallel)
            return yield* Effect.promise(() =>
              shrinkWith(pool, found, { parallel, timeLimitMs, isInterrupted, file }),
            )
          }),
        )
        if (shrunk === undefined) {
          return yield* new UsageError({
            message: `${JSON.stringify(input.given)} does not fail, so there is nothing to shrink`,
          })
        }
        yield* keepShrunk(recording, shrunk)
        if (input.json) yield* Console.log(JSON.stringify(shrunk))
        else {
          yield* Console.log(`before: ${describeSize(shrunk.before)}`)
          yield* Console.log(`after:  ${describeSize(shrunk.after)} (${shrunk.seconds} s)`)
          yield* Console.log(`  ./netsplit replay ${shrunk.caseFile}`)
        }
        if (!shrunk.sameFailure) return yield* new NotAsExpected({ exitCode: 1 })
      }),
    )
  }),
).pipe(
  Command.withDescription(
    "Find the smallest plan in which the same check fails for the same reason: fewer servers, users, actions, faults, " +
      "and shorter waits. Writes it as a case file; so it does with what it has when it is interrupted. Exit code: 0 done, 1 the result fails otherwise, 64 wrong usage.",
  ),
  Command.withShortDescription("Make a failing plan small"),
)
