import { readFileSync, writeFileSync } from "node:fs"
import { resolve } from "node:path"
import { formatSummary } from "../scripts/lib/format-summary.ts"
import type { SummaryData } from "../scripts/lib/summary-data.ts"
import { bundleScript } from "./bundle.ts"
import { machineClock } from "./clock.ts"
import type { TlsTrust } from "./connection.ts"
import { InvalidConfig, parseDurationMs } from "./durations.ts"
import { runScenario } from "./executors.ts"
import { makeHost } from "./host-functions.ts"
import { NodeVu, type ScenarioState } from "./node-vu.ts"
import type { RunScriptOptions } from "./result.ts"
import type { RunState } from "./run-state.ts"
import type { SandboxVu } from "./sandbox/host.ts"
import { makeSandbox } from "./sandbox.ts"
import { parseScenarios, type Scenario } from "./scenarios.ts"
import { defaultTrendStats, summarize } from "./summary.ts"
import { evaluateThresholds, parseThresholds, type Threshold } from "./thresholds.ts"

type Options = Readonly<Record<string, unknown>>

/** Lets everything run that is due by now. */
export const nextTurn = (): Promise<void> => new Promise((done) => setImmediate(done))

/** The run ended before its scenarios began. */
export class EndedEarly extends Error {
  readonly exitCode: number
  constructor(exitCode: number, reason: string) {
    super(reason)
    this.exitCode = exitCode
  }
}

const millisecondsBetween = { thresholds: 2_000, gauges: 1_000, expiry: 100 } as const

/** One run of a script, from its bundle to its summary. */
export class NodeRun {
  readonly #options: RunScriptOptions
  readonly #state: RunState
  readonly #vus = new Map<number, NodeVu>()
  readonly #intervals: NodeJS.Timeout[] = []
  #makeSandboxVu: ((number: number, environment: Readonly<Record<string, string>>) => SandboxVu) | undefined
  #scriptOptions: Options = {}
  #trust: TlsTrust = { skipVerify: false }
  #nextVu = 1
  #closeFiles: () => void = () => {}
  #isInitializing = true
  /** What the init context has rejected and nobody has caught: it ends the run. */
  #uncaught = ""

  constructor(options: RunScriptOptions, state: RunState) {
    this.#options = options
    this.#state = state
    process.on("unhandledRejection", this.#onRejection)
  }

  /** A promise of the script's context is none of this realm: all others are left to end the process. */
  readonly #onRejection = (reason: unknown, promise: unknown): void => {
    if (promise instanceof Promise) throw reason
    const text = `uncaught in promise: ${String((reason as { stack?: unknown } | undefined)?.stack ?? reason)}`
    if (this.#isInitializing) this.#uncaught = text
    else this.#state.log("error", text)
  }

  /** All of k6's life cycle: init, setup, scenarios, teardown, summary. */
  async toEnd(): Promise<SummaryData> {
    const { first, functions } = await this.#init()
    const scenarios = parseScenarios(this.#scriptOptions)
    for (const { exec, name } of scenarios) {
      if (!functions.includes(exec))
        throw new InvalidConfig(`scenario ${name}: the script exports no function ${exec}`)
    }
    const thresholds = parseThresholds(this.#scriptOptions.thresholds, this.#state.metrics)
    const main = this.#addVu(0, first)
    const ready: Ready[] = []
    for (const scenario of scenarios) ready.push(await this.#prepare(scenario))
    this.#every(millisecondsBetween.expiry, () => {
      const now = performance.now()
      for (const vu of this.#vus.values()) vu.http.expire(now)
    })

    this.#isInitializing = false
    const setupJson = functions.includes("setup") ? await this.#lifecycle(main, "setup", "") : ""
    for (const vu of this.#vus.values()) vu.setData(setupJson)
    this.#state.startedMs = performance.now()
    this.#watch(thresholds, scenarios)
    await Promise.all(ready.map((one) => this.#runScenario(one, setupJson)))
    const elapsedMs = this.#state.elapsedMs
    if (functions.includes("teardown")) await this.#lifecycle(main, "teardown", setupJson)

    this.#sampleVus()
    evaluateThresholds(thresholds, elapsedMs)
    const trendStats = (this.#scriptOptions.summaryTrendStats as readonly string[]) ?? defaultTrendStats
    const summary = summarize({ state: this.#state, thresholds, trendStats, elapsedMs, setupJson })
    this.#present(summary, functions.includes("handleSummary") ? first : undefined)
    return summary
  }

  /** Evaluates the script for the first time, which tells its options. */
  async #init(): Promise<{ readonly first: SandboxVu; readonly functions: readonly string[] }> {
    const script = resolve(this.#options.script)
    const { code } = await bundleScript(script)
    const { host, close } = makeHost({
      state: this.#state,
      scriptPath: script,
      vuOf: (number) => {
        const vu = this.#vus.get(number)
        if (vu === undefined) throw new Error("this is not for the init context")
        return vu
      },
    })
    this.#closeFiles = close
    const { makeVu } = await makeSandbox(code, script, host)
    this.#makeSandboxVu = makeVu
    const first = await this.#initVu(0, {})
    const { options, functions } = JSON.parse(first.describe()) as {
      options: Options
      functions: readonly string[]
    }
    this.#scriptOptions = options
    const { authorityPath } = this.#options
    this.#trust = {
      skipVerify: options.insecureSkipTLSVerify === true,
      ...(authorityPath === undefined ? {} : { authority: readFileSync(authorityPath) }),
    }
    first.setOptions(JSON.stringify(options))
    return { first, functions }
  }

  async #initVu(number: number, environment: Readonly<Record<string, string>>): Promise<SandboxVu> {
    const vu = this.#makeSandboxVu!(number, { ...this.#options.env, ...environment })
    const error = vu.initialize()
    // What the init context awaits is done by the next turn: opening a file is all there is, and that is at once.
    await nextTurn()
    if (this.#state.end !== undefined) throw new EndedEarly(this.#state.end.exitCode, this.#state.end.reason)
    if (error !== "" || this.#uncaught !== "") throw new EndedEarly(107, error || this.#uncaught)
    return vu
  }

  #addVu(number: number, script: SandboxVu, scenario?: ScenarioState): NodeVu {
    const vu = new NodeVu(number, script, this.#trust, this.#state, scenario)
    this.#vus.set(number, vu)
    if (number > 0) this.#state.vusInitialized += 1
    return vu
  }

  async #prepare(scenario: Scenario): Promise<Ready> {
    const { name, executor, exec, environment, durationMs } = scenario
    const tags = { ...(this.#scriptOptions.tags as Record<string, string>), ...scenario.tags }
    const counts: ScenarioState = { name, executor, exec, tags, durationMs, startedMs: 0, nextIteration: 0 }
    const addVu = async (): Promise<NodeVu> => {
      const number = this.#nextVu++
      const script = await this.#initVu(number, environment)
      script.setOptions(JSON.stringify(this.#scriptOptions))
      return this.#addVu(number, script, counts)
    }
    const count = "stages" in scenario ? scenario.preAllocatedVus : scenario.vus
    const vus: NodeVu[] = []
    for (let i = 0; i < count; i += 1) vus.push(await addVu())
    return { scenario, counts, vus, addVu }
  }

  async #runScenario({ scenario, counts, vus, addVu }: Ready, setupJson: string): Promise<void> {
    const { signal } = this.#state
    await new Promise<void>((begin) => {
      const stop = machineClock.after(scenario.startTimeMs, begin)
      signal.addEventListener("abort", () => {
        stop()
        begin()
      })
    })
    counts.startedMs = performance.now()
    await runScenario(scenario, vus, {
      clock: machineClock,
      signal,
      addVu: async () => {
        const vu = await addVu()
        vu.setData(setupJson)
        return vu
      },
      onDropped: () => this.#state.drop(scenario.name),
      onStart: (latenessMs) => this.#state.lateness.add(latenessMs),
    })
  }

  /** Runs setup or teardown; what it returns, as JSON. */
  async #lifecycle(vu: NodeVu, name: "setup" | "teardown", dataJson: string): Promise<string> {
    const limitMs = parseDurationMs(this.#scriptOptions[`${name}Timeout`] ?? "60s")
    const timedOut = name === "setup" ? 100 : 101
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new EndedEarly(timedOut, `${name}() took over ${limitMs} ms`)), limitMs)
    })
    const stopped = new Promise<never>((_, reject) => {
      const stop = (): void => reject(new EndedEarly(this.#state.end!.exitCode, this.#state.end!.reason))
      if (name === "teardown") return
      if (this.#state.signal.aborted) stop()
      this.#state.signal.addEventListener("abort", stop)
    })
    try {
      const { resultJson, error } = await Promise.race([vu.call(name, dataJson), late, stopped])
      if (error !== "") throw new EndedEarly(107, `${name}(): ${error}`)
      return resultJson
    } finally {
      clearTimeout(timer)
    }
  }

  #watch(thresholds: readonly Threshold[], scenarios: readonly Scenario[]): void {
    const durationMs = Math.max(...scenarios.map((one) => one.startTimeMs + one.durationMs))
    this.#every(millisecondsBetween.thresholds, () => {
      const failed = evaluateThresholds(thresholds, this.#state.elapsedMs)
      if (failed !== undefined)
        this.#state.stop(99, `threshold failed: ${failed.metric.name} ${failed.source}`)
    })
    this.#every(millisecondsBetween.gauges, () => {
      this.#sampleVus()
      this.#options.onProgress?.({
        elapsedMs: this.#state.elapsedMs,
        durationMs,
        iterations: this.#state.iterationsCompleted,
        droppedIterations: this.#state.iterationsDropped,
        activeVus: this.#state.vusActive,
      })
    })
    this.#sampleVus()
  }

  #sampleVus(): void {
    const { metrics, vusActive, vusInitialized } = this.#state
    metrics.add(metrics.get("vus"), vusActive, {})
    metrics.add(metrics.get("vus_max"), vusInitialized, {})
  }

  #every(milliseconds: number, call: () => void): void {
    this.#intervals.push(setInterval(call, milliseconds))
  }

  /** The summary as the script wants it, or as text; and as JSON where it was asked for. */
  #present(summary: SummaryData, handler: SandboxVu | undefined): void {
    const print = this.#options.print ?? ((text) => void process.stdout.write(text))
    const json = JSON.stringify(summary)
    if (this.#options.summaryPath !== undefined) writeFileSync(this.#options.summaryPath, json)
    if (handler === undefined) {
      print(formatSummary(summary))
      return
    }
    const error = handler.summarize(json, (name, content) => {
      if (name === "stdout") print(content)
      else if (name === "stderr") process.stderr.write(content)
      else writeFileSync(name, content)
    })
    if (error !== "") this.#state.log("error", `handleSummary(): ${error}`)
  }

  close(): void {
    this.#state.isDone = true
    process.off("unhandledRejection", this.#onRejection)
    for (const interval of this.#intervals) clearInterval(interval)
    for (const vu of this.#vus.values()) vu.close()
    this.#closeFiles()
  }
}

interface Ready {
  readonly scenario: Scenario
  readonly counts: ScenarioState
  readonly vus: readonly NodeVu[]
  readonly addVu: () => Promise<NodeVu>
}
