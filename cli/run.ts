import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag, TerminalCapabilities } from "effect/cli"
import { suggestName } from "#sim/explore/nearest-name.ts"
import type { Scenario } from "#sim/world/scenario.ts"
import { Engine } from "./engine.ts"
import { integerFlag, roomVersionFlag } from "./flags.ts"
import { jsonFlag } from "./json-flag.ts"
import { NotAsExpected, UsageError } from "./outcome.ts"
import { presentReport } from "./present-report.ts"
import { recorded } from "./recording/recorded.ts"
import { runRows } from "./recording/run-rows.ts"
import { exitCodeOfReport, reportToJson } from "./run-json.ts"

const parameters = {
  scenario: Argument.String("scenario").pipe(
    Argument.withDescription("The story to play; `netsplit scenarios` lists them"),
  ),
  seed: integerFlag("seed", 0).pipe(
    Flag.withDescription("What all chance in the run comes from; 1 unless given"),
    Flag.withDefault(1),
  ),
  roomVersion: roomVersionFlag("Room versions, 1–12, one run for each; the scenario's own unless given"),
  servers: integerFlag("servers", 1).pipe(
    Flag.withDescription("How many homeservers; no fewer than the scenario names, which is also the default"),
    Flag.optional,
  ),
  transport: Flag.Literals("transport", ["http", "direct"]).pipe(
    Flag.withDescription("Whole requests as bytes (http), or typed calls, for speed (direct)"),
    Flag.withDefault("http"),
  ),
  until: integerFlag("until", 1).pipe(
    Flag.withMetavar("STEP"),
    Flag.withDescription("Stop after this step (one task dispatched or one promise delivered)"),
    Flag.optional,
  ),
  json: jsonFlag,
}

/** The scenario of that name. */
export const findScenario = Effect.fnUntraced(function* (name: string) {
  const scenarios = yield* (yield* Engine).scenarios
  const found = scenarios.find((scenario) => scenario.name === name)
  if (found !== undefined) return found
  const advice = suggestName(
    name,
    scenarios.map((scenario) => scenario.name),
  )
  return yield* new UsageError({ message: `unknown scenario "${name}"; ${advice}` })
})

/** What the parser cannot know: flags that do not fit each other, or the scenario. */
const checkFit = (
  input: Command.Command.Config.Infer<typeof parameters>,
  scenario: Scenario,
  roomVersions: readonly string[],
): Effect.Effect<"http" | "direct", UsageError> => {
  const refuse = (message: string) => Effect.fail(new UsageError({ message }))
  if (Option.isSome(input.until) && roomVersions.length !== 1) {
    return refuse(`--until takes one room version: add --room-version ${roomVersions[0]}`)
  }
  const { name, serversDefault } = scenario
  if (Option.isSome(input.servers) && input.servers.value < serversDefault) {
    return refuse(`--servers ${input.servers.value} is too few: the story of ${name} needs ${serversDefault}`)
  }
  return Effect.succeed(input.transport)
}

/** `netsplit run`: plays one scenario and tells which servers disagree, about what, and why. */
export const run = Command.make(
  "run",
  parameters,
  Effect.fnUntraced(function* (input) {
    const scenario = yield* findScenario(input.scenario)
    const roomVersions = Option.getOrElse(input.roomVersion, () => scenario.roomVersionsDefault)
    const transport = yield* checkFit(input, scenario, roomVersions)
    const options = {
      seed: input.seed,
      roomVersions,
      transport,
      ...(Option.isSome(input.servers) && { servers: input.servers.value }),
      ...(Option.isSome(input.until) && { until: input.until.value }),
    }
    const asked = { command: "run", seed: input.seed, options: { scenario: scenario.name, ...options } }
    yield* recorded(
      asked,
      Effect.fnUntraced(function* (recording) {
        const report = yield* (yield* Engine).run(scenario, options)
        yield* recording.add("runs", runRows(report))
        const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
        yield* Console.log(input.json ? reportToJson(report) : presentReport(report, scenario, canColor))
        const exitCode = exitCodeOfReport(report)
        if (exitCode !== 0) return yield* new NotAsExpected({ exitCode })
      }),
    )
  }),
).pipe(
  Command.withDescription(
    "Play a scenario and tell which servers disagree, about which piece of room state, and why. " +
      "Exit code: 0 as expected, 1 not so, 2 unknown, 64 wrong usage.",
  ),
  Command.withShortDescription("Play a scenario"),
  Command.withExamples([
    {
      command: "netsplit run phantom-join-rules --room-version 10,12 --seed 17",
      description: "One seed, two room versions",
    },
  ]),
)
