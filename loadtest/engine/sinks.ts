import { build, type Histogram } from "hdr-histogram-js"
import type { MetricType } from "./sandbox/host.ts"

/** The aggregates of a metric by name, as the summary has them: `avg`, `p(95)`, `rate`, … */
export type Aggregates = Readonly<Record<string, number>>

/** Takes the samples of one metric, or of a part of it. */
export interface Sink {
  readonly add: (value: number) => void
  /** All aggregates for the summary; those of a trend are the ones asked for. */
  readonly aggregates: (trendStats: readonly string[], elapsedMs: number) => Aggregates
  /** One aggregate for a threshold: undefined where this type of metric has no such. */
  readonly aggregate: (name: string, elapsedMs: number) => number | undefined
}

const perSecond = (count: number, elapsedMs: number): number =>
  elapsedMs > 0 ? (count * 1_000) / elapsedMs : 0

const makeCounter = (): Sink => {
  let count = 0
  const aggregates = (_: readonly string[], elapsedMs: number): Aggregates => ({
    count,
    rate: perSecond(count, elapsedMs),
  })
  return {
    add: (value) => {
      count += value
    },
    aggregates,
    aggregate: (name, elapsedMs) => aggregates([], elapsedMs)[name],
  }
}

const makeGauge = (): Sink => {
  let [value, min, max] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  const aggregates = (): Aggregates => (min > max ? { value, min: 0, max: 0 } : { value, min, max })
  return {
    add: (sample) => {
      value = sample
      min = Math.min(min, sample)
      max = Math.max(max, sample)
    },
    aggregates,
    aggregate: (name) => (name === "value" ? value : undefined),
  }
}

const makeRate = (): Sink => {
  let [passes, total] = [0, 0]
  const rate = (): number => (total === 0 ? 0 : passes / total)
  return {
    add: (value) => {
      total += 1
      if (value !== 0) passes += 1
    },
    aggregates: () => ({ rate: rate(), passes, fails: total - passes }),
    aggregate: (name) => (name === "rate" ? rate() : undefined),
  }
}

/** A sample's unit in the histogram: a thousandth, so a microsecond where the samples are milliseconds. */
const unitsPerOne = 1_000

/** Percentiles to three digits in constant memory; minimum, maximum and mean are exact. */
const makeTrend = (): Sink => {
  const histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 2 ** 42,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 32,
    useWebAssembly: false,
  })
  let [count, sum, min, max] = [0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  const percentile = (percent: number): number => {
    if (count === 0) return 0
    const value = histogram.getValueAtPercentile(percent) / unitsPerOne
    return Math.min(Math.max(value, min), max)
  }
  const aggregate = (name: string): number | undefined => {
    if (name === "count") return count
    if (name === "avg") return count === 0 ? 0 : sum / count
    if (name === "min") return count === 0 ? 0 : min
    if (name === "max") return count === 0 ? 0 : max
    if (name === "med") return percentile(50)
    const percent = /^p\((\d+(?:\.\d+)?)\)$/.exec(name)?.[1]
    return percent === undefined ? undefined : percentile(Number(percent))
  }
  return {
    add: (value) => {
      count += 1
      sum += value
      min = Math.min(min, value)
      max = Math.max(max, value)
      histogram.recordValue(Math.min(Math.max(Math.round(value * unitsPerOne), 0), 2 ** 42 - 1))
    },
    aggregates: (trendStats) => Object.fromEntries(trendStats.map((name) => [name, aggregate(name) ?? 0])),
    aggregate,
  }
}

export const makeSink: Readonly<Record<MetricType, () => Sink>> = {
  counter: makeCounter,
  gauge: makeGauge,
  rate: makeRate,
  trend: makeTrend,
}
