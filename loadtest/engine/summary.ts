import { createHash } from "node:crypto"
import type { SummaryData, SummaryGroup, SummaryMetric } from "../scripts/lib/summary-data.ts"
import type { Group, RunState } from "./run-state.ts"
import type { Threshold } from "./thresholds.ts"

export interface SummaryInput {
  readonly state: RunState
  readonly thresholds: readonly Threshold[]
  readonly trendStats: readonly string[]
  readonly elapsedMs: number
  /** What setup returned, or "". */
  readonly setupJson: string
}

export const defaultTrendStats: readonly string[] = ["avg", "min", "med", "max", "p(90)", "p(95)"]

/** The summary of a run: every metric that had a sample or has a threshold. */
export const summarize = ({
  state,
  thresholds,
  trendStats,
  elapsedMs,
  setupJson,
}: SummaryInput): SummaryData => {
  const metrics: Record<string, SummaryMetric> = {}
  for (const metric of state.metrics.all()) {
    const own = thresholds.filter((threshold) => threshold.metric === metric)
    if (!metric.hasSamples && own.length === 0) continue
    metrics[metric.name] = {
      type: metric.type,
      contains: metric.contains,
      values: metric.sink.aggregates(trendStats, elapsedMs),
      ...(own.length === 0
        ? {}
        : { thresholds: Object.fromEntries(own.map(({ source, ok }) => [source, { ok }])) }),
    }
  }
  return {
    root_group: summarizeGroup(state.rootGroup),
    options: { summaryTrendStats: trendStats, summaryTimeUnit: "", noColor: false },
    state: {
      isStdOutTTY: process.stdout.isTTY === true,
      isStdErrTTY: process.stderr.isTTY === true,
      testRunDurationMs: elapsedMs,
    },
    metrics,
    ...(setupJson === "" ? {} : { setup_data: JSON.parse(setupJson) as unknown }),
  }
}

/** The ids in k6's description of the summary are the MD5 of the path. */
const idOf = (path: string): string => createHash("md5").update(path).digest("hex")

const summarizeGroup = ({ name, path, groups, checks }: Group): SummaryGroup => ({
  name,
  path,
  id: idOf(path),
  groups: [...groups.values()].map(summarizeGroup),
  checks: [...checks].map(([check, counts]) => {
    const checkPath = `${path}::${check}`
    return { name: check, path: checkPath, id: idOf(checkPath), ...counts }
  }),
})
