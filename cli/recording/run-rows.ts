import type { ScenarioReport } from "#sim/world/report.ts"

/** The rows of `runs` that a report comes to. */
export const runRows = ({ scenario, seed, transport, replay, runs }: ScenarioReport) =>
  runs.map((report, at) => ({
    ...{ number: at + 1, scenario, seed, transport, replay },
    ...{ agree: report.agree, cause: report.cause, wanted: report.wanted, live: report.live },
    room_version: report.roomVersion,
    as_expected: report.asExpected,
    trace_hash: report.traceHash,
    report,
  }))
