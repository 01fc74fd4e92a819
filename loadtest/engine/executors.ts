import { arrivalTimesMs } from "./arrivals.ts"
import type { Clock } from "./clock.ts"
import type { ArrivalScenario, LoopScenario, Scenario } from "./scenarios.ts"

/** A VU as an executor sees it. */
export interface ExecutorVu {
  /** Runs one iteration; `done` is called once, unless the VU is interrupted. */
  readonly run: (done: () => void) => void
  /** Gives the iteration under way up, for good. */
  readonly interrupt: () => void
}

export interface ExecutorPorts {
  readonly clock: Clock
  /** Makes a further VU while the scenario runs, up to its `maxVUs`. */
  readonly addVu: () => Promise<ExecutorVu>
  readonly onDropped: () => void
  /** How long after it was due an iteration started. */
  readonly onStart: (latenessMs: number) => void
  /** Ends the scenario at once: what is under way is interrupted. */
  readonly signal: AbortSignal
}

/** Runs a scenario on its VUs; the promise ends with the last iteration, or with the graceful stop. */
export const runScenario = (
  scenario: Scenario,
  vus: readonly ExecutorVu[],
  ports: ExecutorPorts,
): Promise<void> =>
  new Promise((resolve) => {
    if (ports.signal.aborted) return resolve()
    const run = new Run(scenario, ports, resolve)
    if ("stages" in scenario) {
      startArrivals(scenario, vus, ports, run)
    } else {
      run.closeAfter(scenario.durationMs)
      startLoops(scenario, vus, run)
    }
  })

/** What all executors have in common: which VUs are at work, and how it ends. */
class Run {
  readonly #active = new Set<ExecutorVu>()
  readonly #stopAtGrace: () => void
  #stopNext: () => void = () => {}
  readonly #resolve: () => void
  readonly #ports: ExecutorPorts
  readonly #onAbort = (): void => this.#end()
  /** No further iterations: the time is over, or the count is reached. */
  isClosed = false

  constructor({ durationMs, gracefulStopMs }: Scenario, ports: ExecutorPorts, resolve: () => void) {
    this.#ports = ports
    this.#resolve = resolve
    ports.signal.addEventListener("abort", this.#onAbort)
    this.#stopAtGrace = ports.clock.after(durationMs + gracefulStopMs, () => this.#end())
  }

  start(vu: ExecutorVu, latenessMs: number, then: () => void): void {
    this.#active.add(vu)
    this.#ports.onStart(latenessMs)
    vu.run(() => {
      this.#active.delete(vu)
      then()
      this.#settle()
    })
  }

  /** Calls later, unless all is over by then; there is one such call at a time. */
  after(delayMs: number, call: () => void): void {
    this.#stopNext = this.#ports.clock.after(delayMs, call)
  }

  closeAfter(delayMs: number): void {
    this.after(delayMs, () => this.close())
  }

  close(): void {
    this.isClosed = true
    this.#settle()
  }

  #settle(): void {
    if (this.isClosed && this.#active.size === 0) this.#end()
  }

  #end(): void {
    this.isClosed = true
    this.#stopAtGrace()
    this.#stopNext()
    this.#ports.signal.removeEventListener("abort", this.#onAbort)
    for (const vu of this.#active) vu.interrupt()
    this.#active.clear()
    this.#resolve()
  }
}

/** At most so many start before the answers that have come in are looked at. */
const startsAtOnceMax = 32

const startArrivals = (
  { stages, durationMs, vusMax }: ArrivalScenario,
  vus: readonly ExecutorVu[],
  { clock, addVu, onDropped }: ExecutorPorts,
  run: Run,
): void => {
  // The VU that was last at work is the next: it takes no more connections than there is work for.
  const idle = [...vus].reverse()
  let count = vus.length
  const startedMs = clock.nowMs()
  const arrivals = arrivalTimesMs(stages)
  let next = arrivals.next()

  const arrive = (latenessMs: number): void => {
    const vu = idle.pop()
    if (vu !== undefined) {
      run.start(vu, latenessMs, () => idle.push(vu))
      return
    }
    // As in k6, the iteration that finds no VU is dropped, while one more is made for those after it.
    onDropped()
    if (count >= vusMax) return
    count += 1
    addVu().then(
      (added) => idle.push(added),
      () => {
        count -= 1
      },
    )
  }

  const tick = (): void => {
    const elapsedMs = clock.nowMs() - startedMs
    for (let starts = 0; !run.isClosed && !next.done && next.value <= elapsedMs; starts += 1) {
      if (starts === startsAtOnceMax) {
        run.after(0, tick)
        return
      }
      arrive(elapsedMs - next.value)
      next = arrivals.next()
    }
    if (run.isClosed) return
    // All that was due in the duration starts, though the last be a little late.
    if (next.done) run.closeAfter(durationMs - elapsedMs)
    else run.after(next.value - elapsedMs, tick)
  }
  tick()
}

const startLoops = ({ executor, iterations }: LoopScenario, vus: readonly ExecutorVu[], run: Run): void => {
  let shared = iterations
  let working = vus.length
  const loop = (vu: ExecutorVu, own: number): void => {
    const isOver = executor === "per-vu-iterations" ? own === iterations : shared === 0
    if (run.isClosed) return
    if (isOver) {
      working -= 1
      if (working === 0) run.close()
      return
    }
    shared -= 1
    run.start(vu, 0, () => loop(vu, own + 1))
  }
  if (vus.length === 0) run.close()
  for (const vu of vus) loop(vu, 0)
}
