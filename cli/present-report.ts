import { styleText } from "node:util"
import type { RunReport, ScenarioReport } from "#sim/world/report.ts"
import type { Scenario } from "#sim/world/scenario.ts"
import { verdictNames } from "./run-json.ts"
import { layOutTable } from "./table.ts"

type Paint = (format: "bold" | "dim" | "green" | "red" | "yellow", text: string) => string

const paintInColour: Paint = (format, text) => styleText(format, text, { validateStream: false })
const paintNothing: Paint = (_, text) => text

const indent = (lines: readonly string[]): readonly string[] =>
  lines.map((line) => (line ? `  ${line}` : line))

/** One column for each server, one row for each piece of state that is not the same on all of them. */
const presentDiffering = (run: RunReport, paint: Paint): readonly string[] => {
  if (run.differing.length === 0) return ["All servers hold the same state."]
  const servers = Object.keys(run.state)
  const rows = run.differing.map(({ key, values }) => [key, ...servers.map((name) => values[name] ?? "—")])
  const [head, ...body] = layOutTable([["state that differs", ...servers], ...rows])
  return [paint("bold", head!), ...body]
}

const presentVerdicts = (run: RunReport, paint: Paint): readonly string[] => {
  const rows = verdictNames.map((name) => {
    const cause = name === "agree" && run.agree === "no" && run.cause !== undefined ? ` (${run.cause})` : ""
    return [name, run[name] + cause, run.expected[name]]
  })
  const [head, ...body] = layOutTable([["verdict", "found", "expected"], ...rows])
  const lines = body.map((line, index) => {
    const name = verdictNames[index]!
    if (run[name] === run.expected[name]) return paint("green", line)
    return paint(run[name] === "unknown" ? "yellow" : "red", line)
  })
  return [paint("bold", head!), ...lines]
}

/** One run for people, under its room version. `colours`: whether who reads it is a terminal that shows them. */
export const presentRun = (run: RunReport, colours: boolean): readonly string[] => {
  const paint = colours ? paintInColour : paintNothing
  return [
    paint("bold", `room version ${run.roomVersion}: ${run.asExpected ? "as expected" : "NOT as expected"}`),
    ...indent([
      "",
      ...run.story,
      "",
      ...presentDiffering(run, paint),
      "",
      ...presentVerdicts(run, paint),
      "",
      `Why: ${run.why}`,
      "",
      paint(
        "dim",
        `${run.servers} servers, ${run.events} events, ${run.requests} requests, ${run.steps} steps, ` +
          `trace ${run.traceHash.slice(0, 16)}`,
      ),
      paint(
        "dim",
        `${Math.round(run.virtualMs)} ms of virtual time in ${Math.round(run.wallMs)} ms of wall time`,
      ),
    ]),
    "",
  ]
}

/**
 * The report for people: the story, the state that differs, the verdicts, the reason, how to repeat it.
 * `colours`: whether who reads it is a terminal that shows them.
 */
export const presentReport = (report: ScenarioReport, scenario: Scenario, colours: boolean): string => {
  const paint = colours ? paintInColour : paintNothing
  return [
    `${paint("bold", report.scenario)}: ${scenario.title} (seed ${report.seed})`,
    "",
    ...report.runs.flatMap((run) => presentRun(run, colours)),
    `Repeat it: ${report.replay}`,
  ].join("\n")
}
