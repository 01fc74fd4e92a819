/** Deals the seeds of a sweep to threads, and sums up what they found. */

import { writeCase } from "./case-files.ts"
import type { SeedResult, SweepFailure, SweepJob, SweepSummary } from "./job.ts"
import { openPool } from "./pool.ts"
import { showProgress } from "./progress.ts"

export interface SweepOptions {
  readonly job: SweepJob
  readonly from: number
  readonly to: number
  readonly workers: number
  readonly failuresMax: number
  readonly timeLimitMs: number | undefined
  /** Ends the sweep; what was done counts. */
  readonly signal: AbortSignal
}

export interface SweepOutcome extends SweepSummary {
  /** The first seed that was not run, where the sweep ended early. */
  readonly resumeFrom: number | undefined
  readonly endedBy: "done" | "interrupt" | "time limit" | "failures"
}

/** What is at work when a sweep is ended early has so long to end by itself. */
const graceMs = 3_000

export const runSweep = async (options: SweepOptions): Promise<SweepOutcome> => {
  const { job, from, to, failuresMax } = options
  const startedMs = performance.now()
  const progress = showProgress(to - from + 1, "seeds")
  const stop = new AbortController()
  let endedBy: SweepOutcome["endedBy"] = "done"
  const end = (why: SweepOutcome["endedBy"]): void => {
    if (stop.signal.aborted) return
    endedBy = why
    stop.abort()
  }
  options.signal.addEventListener("abort", () => end("interrupt"))
  const timer =
    options.timeLimitMs === undefined ? undefined : setTimeout(() => end("time limit"), options.timeLimitMs)
  const results = new Map<number, SeedResult>()
  let failures = 0
  let next = from
  const workers = Math.min(options.workers, to - from + 1)
  const pool = openPool<number, SeedResult>(new URL("worker.ts", import.meta.url), workers, job)
  const work = async (): Promise<void> => {
    while (next <= to && !stop.signal.aborted) {
      const seed = next++
      const result = await pool.run(seed)
      results.set(seed, result)
      failures += result.cases.length
      progress.update(results.size, failures)
      if (failures >= failuresMax) end("failures")
    }
  }
  try {
    const all = Promise.all(Array.from({ length: workers }, work))
    await Promise.race([all, graceOver(stop.signal)])
  } finally {
    clearTimeout(timer)
    progress.end()
    await pool.close()
  }
  return {
    ...(await summed(results)),
    seconds: Math.round((performance.now() - startedMs) / 10) / 100,
    resumeFrom: firstNotRun(results, from, to),
    endedBy: results.size === to - from + 1 ? "done" : endedBy,
  }
}

const graceOver = (signal: AbortSignal): Promise<void> =>
  new Promise((done) => {
    signal.addEventListener("abort", () => void setTimeout(done, graceMs).unref())
  })

const firstNotRun = (results: ReadonlyMap<number, unknown>, from: number, to: number): number | undefined => {
  for (let seed = from; seed <= to; seed++) if (!results.has(seed)) return seed
  return undefined
}

/** In the order of seeds, whichever thread was the faster. */
const summed = async (
  results: ReadonlyMap<number, SeedResult>,
): Promise<Pick<SweepSummary, "seedsRun" | "failures" | "goals">> => {
  const failures: SweepFailure[] = []
  const goals: Record<string, number> = {}
  for (const [seed, { cases, goals: reached }] of [...results].sort(([a], [b]) => a - b)) {
    for (const [name, count] of Object.entries(reached)) goals[name] = (goals[name] ?? 0) + count
    for (const found of cases) {
      const { check, why, shape } = found
      failures.push({ seed, check, why, shape, caseFile: await writeCase(found) })
    }
  }
  return { seedsRun: results.size, failures, goals }
}
