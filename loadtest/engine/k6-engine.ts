import { execFile, spawn } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { delimiter, join, resolve } from "node:path"
import { promisify } from "node:util"
import type { SummaryData } from "../scripts/lib/summary-data.ts"
import { type LoadResult, type RunScriptOptions, readSummary } from "./result.ts"

/** The k6 that the user has: `K6_BIN`, or on PATH. */
export const findK6 = (environment: NodeJS.ProcessEnv = process.env): string | undefined => {
  if (environment.K6_BIN) return environment.K6_BIN
  const isProgram = (path: string): boolean => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  }
  return (environment.PATH ?? "")
    .split(delimiter)
    .map((directory) => join(directory, "k6"))
    .find(isProgram)
}

/**
 * Runs a script on the user's k6. The script's own handleSummary (scripts/lib/options.ts) writes the summary where
 * `SUMMARY_PATH` says: the object that k6 gives to it is the same in k6 1 and 2, the flags for summaries are not.
 */
export const runOnK6 = async (options: RunScriptOptions): Promise<LoadResult> => {
  const k6 = findK6()
  if (k6 === undefined) {
    throw new Error("no k6 was found: put it on PATH, name it in K6_BIN, or use the engine node")
  }
  const version = await readVersion(k6)
  const directory = await mkdtemp(join(tmpdir(), "netsplit-k6-"))
  try {
    const summaryPath = resolve(options.summaryPath ?? join(directory, "summary.json"))
    const exitCode = await runProcess(k6, summaryPath, options)
    const summary = await readJson<SummaryData>(summaryPath)
    return {
      engine: { name: "k6", version },
      script: options.script,
      exitCode,
      ...(summary === undefined
        ? { droppedIterations: 0, iterations: 0, thresholds: [] }
        : readSummary(summary)),
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const readVersion = async (k6: string): Promise<string> => {
  const { stdout } = await promisify(execFile)(k6, ["version"])
  return /v(\d+\.\d+\.\d+\S*)/.exec(stdout)?.[1] ?? stdout.trim()
}

const readJson = async <A>(path: string): Promise<A | undefined> => {
  try {
    return JSON.parse(await readFile(path, "utf8")) as A
  } catch {
    return undefined
  }
}

const runProcess = (k6: string, summaryPath: string, options: RunScriptOptions): Promise<number> =>
  new Promise((done, fail) => {
    const variables = Object.entries({ ...options.env, SUMMARY_PATH: summaryPath })
    const parameters = variables.flatMap(([name, value]) => ["-e", `${name}=${value}`])
    const trust = options.authorityPath === undefined ? {} : { SSL_CERT_FILE: resolve(options.authorityPath) }
    const child = spawn(k6, ["run", "--quiet", ...parameters, options.script], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, K6_NO_USAGE_REPORT: "true", ...trust },
    })
    const started = performance.now()
    const timer = setInterval(() => options.onProgress?.({ elapsedMs: performance.now() - started }), 1_000)
    // k6 ends gracefully on the first interrupt, with exit code 105.
    const stop = (): void => void child.kill("SIGINT")
    if (options.signal?.aborted) stop()
    options.signal?.addEventListener("abort", stop)
    const print = options.print ?? ((text) => void process.stdout.write(text))
    child.stdout.setEncoding("utf8").on("data", print)
    const log = options.log
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      if (log === undefined) process.stderr.write(text)
      else log("info", text.trimEnd())
    })
    const end = (): void => {
      clearInterval(timer)
      options.signal?.removeEventListener("abort", stop)
    }
    child.once("error", (error) => {
      end()
      fail(error)
    })
    child.once("close", (code) => {
      end()
      done(code ?? 105)
    })
  })
