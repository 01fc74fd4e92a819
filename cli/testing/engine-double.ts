import { Effect, Layer } from "effect"
import type { RunReport, Verdicts } from "#sim/world/report.ts"
import type { Scenario } from "#sim/world/scenario.ts"
import { Engine, type RunOptions } from "../engine.ts"

const verdictsYes: Verdicts = { agree: "yes", wanted: "yes", live: "yes" }

const unplayed = {
  story: () => Effect.die(new Error("a double has no story")),
  wanted: () => true,
}

/** Two scenarios: `small-split` splits in rooms 1–11 and is expected to; `small-heal` always agrees. */
export const scenarioDoubles: readonly Scenario[] = [
  {
    ...unplayed,
    name: "small-split",
    title: "Two servers part",
    about: "One of them never hears of the topic.",
    serversDefault: 2,
    roomVersionsDefault: ["10", "12"],
    expected: (version) => (version === "12" ? verdictsYes : { agree: "no", wanted: "no", live: "yes" }),
  },
  {
    ...unplayed,
    name: "small-heal",
    title: "Two servers meet again",
    about: "Nothing stays lost.",
    serversDefault: 2,
    roomVersionsDefault: ["12"],
    expected: () => verdictsYes,
  },
]

const runDouble = (scenario: Scenario, roomVersion: string, found: Verdicts): RunReport => {
  const expected = scenario.expected(roomVersion)
  const isSplit = found.agree === "no"
  return {
    roomVersion,
    ...found,
    ...(isSplit && { cause: "different-inputs" }),
    asExpected: JSON.stringify(found) === JSON.stringify(expected),
    expected,
    traceHash: `${roomVersion}abcdef`.repeat(8),
    steps: 300,
    virtualMs: 60_000,
    wallMs: 12.5,
    servers: 2,
    events: 9,
    requests: 21,
    state: { s1: { "m.room.topic|": "$a" }, s2: isSplit ? {} : { "m.room.topic|": "$a" } },
    why: isSplit ? "s2 never got the topic." : "Both heard everything.",
    story: ["alice creates the room on s1", "bob joins from s2"],
    differing: isSplit ? [{ key: "m.room.topic|", values: { s1: "topic by @alice:s1", s2: "—" } }] : [],
  }
}

/**
 * An engine without a simulator: each run gives what its scenario expects, or `found` where that is given.
 * What it was asked for is appended to `asked`.
 */
export const engineDouble = (found?: Verdicts, asked: RunOptions[] = []) =>
  Layer.succeed(Engine, {
    scenarios: Effect.succeed(scenarioDoubles),
    run: (scenario, options) =>
      Effect.sync(() => {
        asked.push(options)
        return {
          scenario: scenario.name,
          seed: options.seed,
          transport: options.transport,
          runs: options.roomVersions.map((version) =>
            runDouble(scenario, version, found ?? scenario.expected(version)),
          ),
          replay: `./netsplit run ${scenario.name} --seed ${options.seed}`,
        }
      }),
  })
