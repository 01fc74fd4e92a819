import { createRequire } from "node:module"
import { InvalidConfig } from "./durations.ts"
import { EndedEarly, NodeRun, nextTurn } from "./node-run.ts"
import { type LoadResult, type RunScriptOptions, readSummary } from "./result.ts"
import { RunState } from "./run-state.ts"

const require = createRequire(import.meta.url)
const versionOf = (path: string): string => (require(path) as { version: string }).version
const version = `${versionOf("../../package.json")} (undici ${versionOf("undici/package.json")}, Node ${process.versions.node})`

/** Runs a script on undici in this process, one thread for all VUs. */
export const runOnNode = async (options: RunScriptOptions): Promise<LoadResult> => {
  const log = options.log ?? ((level, text) => void process.stderr.write(`${level}: ${text}\n`))
  const state = new RunState(log)
  const engine = { name: "node", version } as const
  const run = new NodeRun(options, state)
  const onAbort = (): void => state.stop(105, "stopped from outside")
  if (options.signal?.aborted) onAbort()
  options.signal?.addEventListener("abort", onAbort)
  try {
    const summary = await run.toEnd()
    const end =
      state.end ?? (state.isMarkedFailed ? { exitCode: 110, reason: "marked as failed" } : undefined)
    const read = readSummary(summary)
    const failed = read.thresholds.some(({ ok }) => !ok)
    const exitCode = end?.exitCode ?? (failed ? 99 : 0)
    const startLatenessMs = state.lateness.aggregates(["avg", "p(50)", "p(99)", "max"], 0)
    if (startLatenessMs["p(99)"]! > latenessMsMax) {
      const late = startLatenessMs["p(99)"]!.toFixed(0)
      log(
        "warn",
        `1 % of the iterations started over ${late} ms late: this engine, not the server, was the limit`,
      )
    }
    return {
      engine,
      script: options.script,
      exitCode,
      ...(end === undefined ? {} : { reason: end.reason }),
      startLatenessMs,
      ...read,
    }
  } catch (error) {
    const reason = (error as Error).message
    log("error", reason)
    const exitCode = error instanceof EndedEarly ? error.exitCode : error instanceof InvalidConfig ? 104 : 107
    return {
      engine,
      script: options.script,
      exitCode,
      reason,
      droppedIterations: 0,
      iterations: 0,
      thresholds: [],
    }
  } finally {
    options.signal?.removeEventListener("abort", onAbort)
    // What was rejected last is told before the next turn.
    await nextTurn()
    run.close()
  }
}

/** Later than this, an open model is none any more. */
const latenessMsMax = 100
