import type { RunReport, ScenarioReport, Verdict, Verdicts } from "#sim/world/report.ts"

const runToJson = (run: RunReport) => ({
  roomVersion: run.roomVersion,
  agree: run.agree,
  ...(run.agree === "no" && { cause: run.cause }),
  wanted: run.wanted,
  live: run.live,
  asExpected: run.asExpected,
  traceHash: run.traceHash,
  steps: run.steps,
  virtualMs: run.virtualMs,
  wallMs: run.wallMs,
  servers: run.servers,
  events: run.events,
  requests: run.requests,
  state: run.state,
  why: run.why,
})

/** The report for machines, on one line: the keys are a contract, so each is named here. */
export const reportToJson = (report: ScenarioReport): string =>
  JSON.stringify({
    scenario: report.scenario,
    seed: report.seed,
    transport: report.transport,
    runs: report.runs.map(runToJson),
    replay: report.replay,
  })

/** The verdicts of a run, in the order in which people read them. */
export const verdictNames = ["agree", "wanted", "live"] as const satisfies readonly (keyof Verdicts)[]

/** 0: all runs as expected; 1: some verdict is not what was expected; 2: some verdict is only unknown. */
export const exitCodeOfReport = (report: ScenarioReport): 0 | 1 | 2 => {
  const unexpected = report.runs.filter((run) => !run.asExpected)
  if (unexpected.length === 0) return 0
  const isMissing = (found: Verdict, expected: Verdict) => found === "unknown" || found === expected
  const isOnlyUnknown = unexpected.every(
    (run) =>
      verdictNames.some((name) => run[name] !== run.expected[name]) &&
      verdictNames.every((name) => isMissing(run[name], run.expected[name])),
  )
  return isOnlyUnknown ? 2 : 1
}
