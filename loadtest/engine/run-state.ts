import { getOrMake } from "./get-or-make.ts"
import { Metrics } from "./metrics.ts"
import { makeSink } from "./sinks.ts"

/** Why a run ended before its time, with the exit code that k6 gives to it. */
export interface EarlyEnd {
  readonly exitCode: number
  readonly reason: string
}

/** The checks of a group, and its groups, as the summary of k6 shows them. */
export interface Group {
  readonly name: string
  readonly path: string
  readonly groups: Map<string, Group>
  readonly checks: Map<string, { passes: number; fails: number }>
}

const newGroup = (name: string, path: string): Group => ({ name, path, groups: new Map(), checks: new Map() })

/** What is counted while a run goes on. */
export class RunState {
  readonly metrics = new Metrics()
  readonly rootGroup = newGroup("", "")
  /** How late iterations started that were due at a time; the engine's own, in no metric of k6's. */
  readonly lateness = makeSink.trend()
  readonly #log: (level: string, text: string) => void
  readonly #stop = new AbortController()
  startedMs = performance.now()
  vusActive = 0
  vusInitialized = 0
  iterationsCompleted = 0
  iterationsInterrupted = 0
  iterationsDropped = 0
  end: EarlyEnd | undefined
  isMarkedFailed = false
  isDone = false

  constructor(log: (level: string, text: string) => void) {
    this.#log = log
  }

  /** Aborts where the run is to end at once. */
  get signal(): AbortSignal {
    return this.#stop.signal
  }

  get elapsedMs(): number {
    return performance.now() - this.startedMs
  }

  log(level: string, text: string): void {
    this.#log(level, text)
  }

  /** Ends the run at once. The first reason counts. */
  stop(exitCode: number, reason: string): void {
    this.end ??= { exitCode, reason }
    this.#stop.abort()
  }

  drop(scenario: string): void {
    this.iterationsDropped += 1
    this.#add("dropped_iterations", 1, scenario)
  }

  endIteration(durationMs: number, scenario: string, error: string): void {
    this.iterationsCompleted += 1
    this.#add("iterations", 1, scenario)
    this.#add("iteration_duration", durationMs, scenario)
    // An iteration that throws has ended like any other, in k6 too; the throw that leaves it on abort is none.
    if (error !== "" && !this.signal.aborted) this.log("error", error)
  }

  #add(name: string, value: number, scenario: string): void {
    this.metrics.add(this.metrics.get(name), value, { scenario, group: "" })
  }

  addCheck(path: string, name: string, ok: boolean, tags: Readonly<Record<string, string>>): void {
    this.metrics.add(this.metrics.get("checks"), ok ? 1 : 0, tags)
    const check = getOrMake(this.group(path).checks, name, () => ({ passes: 0, fails: 0 }))
    if (ok) check.passes += 1
    else check.fails += 1
  }

  /** The group of a path (`::outer::inner`), made where it is missing. */
  group(path: string): Group {
    let group = this.rootGroup
    for (const name of path.split("::").slice(1)) {
      const outer = group
      group = getOrMake(outer.groups, name, () => newGroup(name, `${outer.path}::${name}`))
    }
    return group
  }
}
