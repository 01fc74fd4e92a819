/** A run as text, for people. */
import type { LoadReport } from "./run-load.ts"

/** What a run comes to, in words and figures. */
export const presentReport = (report: LoadReport): string =>
  [
    heading(report),
    figures(report),
    thresholdsOf(report),
    partsTable(report),
    checkLines(report),
    engineLines(report),
  ]
    .filter((part) => part !== "")
    .join("\n")

/** k6's exit code where a threshold broke, which is what `breakpoint` is for. */
const exitCodeThreshold = 99

/** Whether every threshold held, and the target has what was sent. */
export const isAsExpected = ({ script, result, check }: LoadReport): boolean =>
  (result.exitCode === 0 || (script === "breakpoint" && result.exitCode === exitCodeThreshold)) &&
  (check?.differences.length ?? 0) === 0

const heading = (report: LoadReport): string => {
  const { script, target, result } = report
  const why = result.reason === undefined ? "" : `: ${result.reason}`
  return `${script} on ${target.name}: ${isAsExpected(report) ? "as expected" : `NOT as expected (exit code ${result.exitCode}${why})`}\n`
}

const valueOf = ({ result }: LoadReport, metric: string, value: string): number =>
  result.summary?.metrics[metric]?.values[value] ?? 0

/** How long there was load; less than planned where it was cut short. */
const secondsOf = ({ durationSeconds, result }: LoadReport): number =>
  Math.min(durationSeconds, (result.summary?.state.testRunDurationMs ?? Number.POSITIVE_INFINITY) / 1_000)

/** PDUs or, where there are none, requests that were answered, in a second. */
export const throughputOf = (report: LoadReport): { readonly what: string; readonly perSecond: number } => {
  const pdus = valueOf(report, "pdus_accepted", "count")
  const requests = valueOf(report, "iterations", "count")
  return pdus > 0
    ? { what: "PDUs", perSecond: pdus / secondsOf(report) }
    : { what: "iterations", perSecond: requests / secondsOf(report) }
}

/** The limit beside it: verifies a second, as measured around the run. */
export const verifyRateOf = ({ verifiesPerSecond: [before, after] }: LoadReport): number =>
  (before + after) / 2

const figures = (report: LoadReport): string => {
  const { result, usage, verifiesPerSecond, corpus } = report
  const { what, perSecond } = throughputOf(report)
  const verifies = verifyRateOf(report)
  const latency = ["med", "p(90)", "p(95)", "p(99)", "max"]
    .map((name) => `${name} ${valueOf(report, "http_req_duration", name).toFixed(1)}`)
    .join(", ")
  const rows: [string, string][] = [
    ...(report.script === "breakpoint"
      ? [["broke at", `${valueOf(report, "offered_rate", "value").toFixed(0)}/s offered`] as [string, string]]
      : []),
    [
      "rate",
      `${(result.iterations / secondsOf(report)).toFixed(1)}/s of ${report.rateWanted}/s, over ${secondsOf(report).toFixed(1)} s`,
    ],
    ["throughput", `${perSecond.toFixed(0)} ${what}/s, ${(perSecond / verifies).toFixed(3)} per verify`],
    [
      "verify",
      `${verifiesPerSecond.map((rate) => rate.toFixed(0)).join(" and ")} Ed25519/s (node:crypto, one thread, before and after)`,
    ],
    ["latency ms", latency],
    [
      "errors",
      `${valueOf(report, "pdu_errors", "count")} PDUs, ${(valueOf(report, "http_req_failed", "rate") * 100).toFixed(2)} % of requests`,
    ],
    ["dropped", `${result.droppedIterations} iterations`],
  ]
  if (usage !== undefined) {
    const perUnit = usage.cpuMs / Math.max(1, perSecond * secondsOf(report))
    const mebibytes = (bytes: number): string => (bytes / 1_048_576).toFixed(0)
    rows.push(
      [
        "target CPU",
        `${(usage.cpuMs / 1_000).toFixed(1)} s, ${((usage.cpuMs / usage.wallMs) * 100).toFixed(0)} % of ${report.target.processor === undefined ? "the time" : `processor ${report.target.processor}`}, ${(perUnit * 1_000).toFixed(0)} µs each`,
      ],
      ["target memory", `${mebibytes(usage.rssBytes)} MiB, at most ${mebibytes(usage.rssBytesMax)}`],
    )
  }
  if (corpus !== undefined) {
    rows.push([
      "corpus",
      `${corpus.requests} requests, ${corpus.pdus} PDUs, made in ${(corpus.ms / 1_000).toFixed(1)} s`,
    ])
    rows.push(["asked back", `${report.askedOfOrigin} requests of the target to the origin`])
  }
  return align(rows)
}

const align = (rows: readonly (readonly string[])[]): string => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map((row) => `  ${row.map((cell, at) => cell.padEnd(widths[at]!)).join("  ")}`.trimEnd())
    .join("\n")
}

const thresholdsOf = ({ result }: LoadReport): string => {
  const broken = result.thresholds.filter(({ ok }) => !ok)
  return broken.map(({ metric, threshold }) => `  broken: ${metric} ${threshold}`).join("\n")
}

const partsTable = ({ parts }: LoadReport): string => {
  const total = parts.reduce((sum, { ms }) => sum + ms, 0)
  if (total === 0) return ""
  const rows = parts.map(({ part, ms, count }) => [
    part,
    `${(ms / 1_000).toFixed(2)} s`,
    `${((ms / total) * 100).toFixed(0)} %`,
    String(count),
    count === 0 ? "" : `${((ms / count) * 1_000).toFixed(0)} µs`,
  ])
  return `\nwhere a PDU's time goes (wall time, by the target's own clock)\n${align([["part", "time", "share", "times", "each"], ...rows])}`
}

const checkLines = ({ check, flow }: LoadReport): string => {
  if (check === undefined) {
    return flow === undefined
      ? ""
      : "\nafter the run: not compared, since a run that is cut short may have left anything under way"
  }
  const { rooms, differences } = check
  if (differences.length === 0) return `\nafter the run: ${rooms} rooms, extremities and state as sent`
  const shown = differences.slice(0, 10).map(({ roomId, difference }) => `  ${roomId}: ${difference}`)
  return `\nafter the run: ${differences.length} differences in ${rooms} rooms\n${shown.join("\n")}`
}

const engineLines = ({ result: { engine } }: LoadReport): string =>
  engine.name === "k6"
    ? `\nengine: k6 ${engine.version}`
    : `\nengine: node ${engine.version}; with k6 on PATH or in K6_BIN the same scripts run on k6 (--engine k6)`
