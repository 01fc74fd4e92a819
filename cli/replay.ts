import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import type { PlanCase, ScenarioCase } from "#sim/explore/case.ts"
import { describeView } from "#sim/explore/describe-view.ts"
import type { Failure, PlanRun } from "#sim/explore/run-plan.ts"
import { runPlan } from "#sim/explore/run-plan.ts"
import { Engine } from "./engine.ts"
import { integerFlag } from "./flags.ts"
import { givenCase } from "./given-case.ts"
import { jsonFlag } from "./json-flag.ts"
import { NotAsExpected } from "./outcome.ts"
import { presentReport } from "./present-report.ts"
import { type Recording, recorded } from "./recording/recorded.ts"
import { runRows } from "./recording/run-rows.ts"
import { findScenario } from "./run.ts"
import { exitCodeOfReport, reportToJson } from "./run-json.ts"

const parameters = {
  given: Argument.String("case").pipe(
    Argument.withDescription(
      "A case that a sweep or a shrink wrote, a plan, or the id of a result: 17, or 17.2 of several",
    ),
  ),
  until: integerFlag("until", 1).pipe(
    Flag.withMetavar("STEP"),
    Flag.withDescription("Stop after this step, and show what the server at work there sees"),
    Flag.optional,
  ),
  json: jsonFlag,
}

const replayScenario = Effect.fnUntraced(function* (
  recording: Recording,
  found: ScenarioCase,
  until: number | undefined,
  json: boolean,
) {
  const scenario = yield* findScenario(found.scenario)
  const { seed, roomVersion, transport } = found
  const report = yield* (yield* Engine).run(scenario, {
    seed,
    roomVersions: [roomVersion],
    transport,
    ...(until === undefined ? {} : { until }),
  })
  yield* recording.add("runs", runRows(report))
  yield* Console.log(json ? reportToJson(report) : presentReport(report, scenario, false))
  const exitCode = exitCodeOfReport(report)
  if (exitCode !== 0) return yield* new NotAsExpected({ exitCode })
})

const replayPlan = Effect.fnUntraced(function* (
  recording: Recording,
  found: PlanCase,
  until: number | undefined,
  json: boolean,
) {
  const { plan, transport } = found
  let view = ""
  const run = yield* Effect.promise(() =>
    runPlan(plan, {
      transport,
      ...(until === undefined ? {} : { until }),
      onEnd: ({ servers }, lastServer) => {
        view = describeView(servers, lastServer)
      },
    }),
  )
  yield* recording.report(contract(run))
  if (json) yield* Console.log(JSON.stringify(contract(run)))
  else yield* present(found, run, view)
  if (run.failures.length > 0) return yield* new NotAsExpected({ exitCode: 1 })
  if (run.stopped || run.unknown.length > 0) return yield* new NotAsExpected({ exitCode: 2 })
})

const contract = ({
  failures,
  unknown,
  traceHash,
  steps,
  virtualMs,
  events,
  requests,
  outcomes,
}: PlanRun) => ({
  failures,
  unknown,
  traceHash,
  steps,
  virtualMs,
  events,
  requests,
  outcomes: Object.fromEntries(outcomes),
})

const describeFailure = ({ check, shape, why }: Failure): string =>
  `${check}${shape === null ? "" : ` (${shape})`}: ${why}`

const present = Effect.fnUntraced(function* ({ plan }: PlanCase, run: PlanRun, view: string) {
  if (plan.options !== undefined) {
    const { roomVersions, faults, actions } = plan.options
    yield* Console.log(`seed ${plan.seed}, room versions ${roomVersions.join(", ")}`)
    yield* Console.log(`faults: ${faults.join(", ") || "none"}`)
    yield* Console.log(`actions: ${Object.keys(actions).join(", ")}`)
    yield* Console.log("")
  }
  for (const entry of plan.entries) {
    const what = "do" in entry ? entry.do : entry.fault
    const became = run.outcomes.get(entry.id) ?? "not begun"
    yield* Console.log(
      `${(entry.atMs / 1_000).toFixed(3).padStart(9)} s  ${entry.id}  ${JSON.stringify(what)}  ${became}`,
    )
  }
  yield* Console.log("")
  if (run.stopped)
    yield* Console.log(`Stopped at step ${run.steps}, at work: ${run.lastServer || "nobody"}.\n\n${view}`)
  for (const failure of run.failures) yield* Console.log(describeFailure(failure))
  for (const why of run.unknown) yield* Console.log(`unknown: ${why}`)
  if (!run.stopped && run.failures.length === 0) yield* Console.log("No check failed.")
  const { events, requests, steps, traceHash, virtualMs } = run
  yield* Console.log(
    `${events} events, ${requests} requests, ${steps} steps, ${virtualMs} ms of virtual time, trace ${traceHash.slice(0, 16)}`,
  )
})

/** `netsplit replay`: runs a case again, step by step the same. */
export const replay = Command.make(
  "replay",
  parameters,
  Effect.fnUntraced(function* ({ given, until, json }) {
    const { found } = yield* givenCase(given)
    const step = Option.getOrUndefined(until)
    const seed = "plan" in found ? found.plan.seed : found.seed
    yield* recorded({ command: "replay", seed, options: { case: given, until: step } }, (recording) =>
      "plan" in found
        ? replayPlan(recording, found, step, json)
        : replayScenario(recording, found, step, json),
    )
  }),
).pipe(
  Command.withDescription(
    "Run a case again. What is printed first is its option set, then each entry of the plan with what became of it. " +
      "Exit code: 0 no check failed, 1 one did, 2 unknown or stopped before the end, 64 wrong usage.",
  ),
  Command.withShortDescription("Run a failure again"),
)
