import type { SummaryData } from "../scripts/lib/summary-data.ts"

export type EngineName = "node" | "k6"

/** How a run of a script ended; the same shape from either engine. */
export interface LoadResult {
  readonly engine: { readonly name: EngineName; readonly version: string }
  readonly script: string
  /** 0, or as k6 has them: 99 a threshold failed, 104 the options are wrong, 105 stopped from outside, 107 the script
   * threw, 108 the script aborted the test, 110 the script marked it as failed. */
  readonly exitCode: number
  /** What the exit code is about, where the engine knows more. */
  readonly reason?: string
  readonly droppedIterations: number
  readonly iterations: number
  readonly thresholds: readonly ThresholdResult[]
  /** How late iterations started that were due at a time, in milliseconds (the node engine only). */
  readonly startLatenessMs?: Readonly<Record<string, number>>
  /** Missing where the run ended before there was one: wrong options, a script that throws. */
  readonly summary?: SummaryData
}

export interface ThresholdResult {
  readonly metric: string
  readonly threshold: string
  readonly ok: boolean
}

/** How far a run is. k6 tells the time only. */
export interface Progress {
  readonly elapsedMs: number
  readonly durationMs?: number
  readonly iterations?: number
  readonly droppedIterations?: number
  readonly activeVus?: number
}

export interface RunScriptOptions {
  /** The path of the script. */
  readonly script: string
  /** What the script sees as `__ENV`. */
  readonly env: Readonly<Record<string, string>>
  readonly engine: EngineName
  /** Where the summary is written as JSON; it is in the result as well. */
  readonly summaryPath?: string
  /** A file of authorities (PEM) that TLS trusts besides its own. */
  readonly authorityPath?: string
  /** Stops the run from outside, with exit code 105. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: Progress) => void
  /** Takes what the script and the engine say, line by line; standard error where missing. */
  readonly log?: (level: string, text: string) => void
  /** Takes the end-of-test summary as text; standard output where missing. */
  readonly print?: (text: string) => void
}

/** Takes from a summary what a result says of it. */
export const readSummary = (
  summary: SummaryData,
): Pick<LoadResult, "droppedIterations" | "iterations" | "thresholds" | "summary"> => ({
  droppedIterations: summary.metrics.dropped_iterations?.values.count ?? 0,
  iterations: summary.metrics.iterations?.values.count ?? 0,
  thresholds: Object.entries(summary.metrics).flatMap(([metric, { thresholds = {} }]) =>
    Object.entries(thresholds).map(([threshold, { ok }]) => ({ metric, threshold, ok })),
  ),
  summary,
})
