import { InvalidConfig, parseDurationMs } from "./durations.ts"
import type { Metric, Metrics } from "./metrics.ts"

/** One threshold and what it last said. */
export interface Threshold {
  readonly metric: Metric
  readonly source: string
  readonly abortOnFail: boolean
  readonly delayAbortEvalMs: number
  /** Whether the metric is, after so long, as it should be. */
  readonly holds: (elapsedMs: number) => boolean
  ok: boolean
}

const compare: Readonly<Record<string, (left: number, right: number) => boolean>> = {
  "<": (left, right) => left < right,
  "<=": (left, right) => left <= right,
  ">": (left, right) => left > right,
  ">=": (left, right) => left >= right,
  "==": (left, right) => left === right,
  "===": (left, right) => left === right,
  "!=": (left, right) => left !== right,
}

const expression =
  /^\s*(p\(\d+(?:\.\d+)?\)|avg|min|max|med|count|rate|value)\s*(<=|>=|===?|!=|<|>)\s*(-?\d+(?:\.\d+)?)\s*$/

/** The option `thresholds` of k6: by metric, `p(95)<200` or `{ threshold, abortOnFail, delayAbortEval }`. */
export const parseThresholds = (option: unknown, metrics: Metrics): readonly Threshold[] =>
  Object.entries((option ?? {}) as Record<string, unknown>).flatMap(([name, list]) => {
    const metric = metrics.part(name)
    return (Array.isArray(list) ? list : [list]).map((one) => parseThreshold(metric, one))
  })

const parseThreshold = (metric: Metric, given: unknown): Threshold => {
  const {
    threshold: source,
    abortOnFail = false,
    delayAbortEval = 0,
  } = (typeof given === "string" ? { threshold: given } : given) as {
    threshold: string
    abortOnFail?: boolean
    delayAbortEval?: string | number
  }
  const [, aggregate, operator, limit] = expression.exec(source) ?? []
  if (aggregate === undefined || metric.sink.aggregate(aggregate, 1) === undefined) {
    throw new InvalidConfig(`not a threshold for the ${metric.type} ${metric.name}: ${source}`)
  }
  // k6 counts in a trend, but has no threshold on that.
  if (metric.type === "trend" && aggregate === "count") {
    throw new InvalidConfig(`not a threshold for the trend ${metric.name}: ${source}`)
  }
  return {
    metric,
    source,
    abortOnFail,
    delayAbortEvalMs: parseDurationMs(delayAbortEval),
    holds: (elapsedMs) => compare[operator!]!(metric.sink.aggregate(aggregate, elapsedMs)!, Number(limit)),
    ok: true,
  }
}

/** Judges all again; the first that failed and is to end the run, if its time has come. */
export const evaluateThresholds = (
  thresholds: readonly Threshold[],
  elapsedMs: number,
): Threshold | undefined => {
  for (const threshold of thresholds) threshold.ok = threshold.holds(elapsedMs)
  // A rate without samples is 0, which says nothing while the run goes on.
  return thresholds.find(
    ({ ok, abortOnFail, delayAbortEvalMs, metric }) =>
      !ok && abortOnFail && metric.hasSamples && elapsedMs >= delayAbortEvalMs,
  )
}
