import type { SummaryCheck, SummaryData, SummaryGroup, SummaryMetric } from "./summary-data.ts"

/** The end-of-test summary as text: thresholds, checks that failed, every metric. The same from either engine. */
export const formatSummary = (data: SummaryData): string => {
  const names = Object.keys(data.metrics).sort()
  const metrics = names.map((name) => [name, data.metrics[name]!] as const)
  const thresholds = metrics.flatMap(([name, metric]) =>
    Object.entries(metric.thresholds ?? {}).map(([source, { ok }]) => [
      ok ? "ok" : "FAILED",
      name,
      source,
      formatAggregate(metric, source),
    ]),
  )
  const checks = failedChecks(data.root_group).map(({ name, passes, fails }) => [
    "FAILED",
    name,
    `${fails} of ${passes + fails}`,
  ])
  const values = metrics.map(([name, metric]) => [name, formatValues(metric)])
  const seconds = (data.state.testRunDurationMs / 1_000).toFixed(1)
  return [
    section("thresholds", thresholds),
    section("checks", checks),
    section(`metrics, over ${seconds} s`, values),
  ].join("")
}

const section = (title: string, rows: readonly (readonly string[])[]): string =>
  rows.length === 0 ? "" : `\n${title}\n${alignColumns(rows)}\n`

const alignColumns = (rows: readonly (readonly string[])[]): string => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ")}`.trimEnd())
    .join("\n")
}

const failedChecks = ({ checks, groups }: SummaryGroup): readonly SummaryCheck[] => [
  ...checks.filter(({ fails }) => fails > 0),
  ...groups.flatMap(failedChecks),
]

/** The value that a threshold was judged by, if the summary has it. */
const formatAggregate = (metric: SummaryMetric, source: string): string => {
  const name = /^\s*([a-z]+(?:\([^)]*\))?)/.exec(source)?.[1] ?? ""
  const value = metric.values[name]
  return value === undefined ? "" : `${name}=${formatValue(metric, name, value)}`
}

const formatValues = (metric: SummaryMetric): string =>
  Object.entries(metric.values)
    .map(([name, value]) => `${name}=${formatValue(metric, name, value)}`)
    .join("  ")

const formatValue = ({ type, contains }: SummaryMetric, name: string, value: number): string => {
  if (type === "rate") return name === "rate" ? `${(value * 100).toFixed(2)}%` : String(value)
  if (contains === "data") return name === "rate" ? `${formatBytes(value)}/s` : formatBytes(value)
  if (contains === "time") return formatMilliseconds(value)
  if (name === "rate") return `${value.toFixed(1)}/s`
  return Number.isInteger(value) ? String(value) : value.toFixed(3)
}

const formatMilliseconds = (value: number): string => {
  if (value < 1) return `${(value * 1_000).toFixed(0)}µs`
  return value < 1_000 ? `${value.toFixed(2)}ms` : `${(value / 1_000).toFixed(2)}s`
}

const formatBytes = (value: number): string => {
  if (value < 1_000) return `${value.toFixed(0)}B`
  return value < 1_000_000 ? `${(value / 1_000).toFixed(1)}kB` : `${(value / 1_000_000).toFixed(1)}MB`
}
