import type { TlsTrust } from "./connection.ts"
import type { ExecutorVu } from "./executors.ts"
import { HttpClient } from "./http-client.ts"
import type { RunState } from "./run-state.ts"
import type { SandboxVu } from "./sandbox/host.ts"

/** What the iterations of a scenario are counted by. */
export interface ScenarioState {
  readonly name: string
  readonly executor: string
  readonly exec: string
  readonly tags: Readonly<Record<string, string>>
  startedMs: number
  durationMs: number
  /** The number of the next iteration; there is one instance, so it is the number in the test too. */
  nextIteration: number
}

/** A VU: the script in its sandbox, its connections and its timers. */
export class NodeVu implements ExecutorVu {
  readonly number: number
  readonly http: HttpClient
  readonly scenario: ScenarioState | undefined
  readonly #script: SandboxVu
  readonly #state: RunState
  readonly #timers = new Map<number, NodeJS.Timeout>()
  #nextTimer = 1
  #dataJson = ""
  #iterations = 0
  #isInterrupted = false

  constructor(number: number, script: SandboxVu, trust: TlsTrust, state: RunState, scenario?: ScenarioState) {
    this.number = number
    this.http = new HttpClient(trust)
    this.scenario = scenario
    this.#script = script
    this.#state = state
  }

  /** The data that setup returned, of which every iteration gets its own copy. */
  setData(json: string): void {
    this.#dataJson = json
  }

  run(done: () => void): void {
    const scenario = this.scenario!
    const { state } = this.#script
    state.iteration = this.#iterations
    state.iterationInScenario = this.#iterations
    state.iterationInInstance = scenario.nextIteration
    state.iterationInTest = scenario.nextIteration
    state.startTime = scenario.startedMs
    state.scenario = scenario.name
    state.executor = scenario.executor
    state.tags = scenario.tags
    this.#iterations += 1
    scenario.nextIteration += 1
    this.#state.vusActive += 1
    const started = performance.now()
    this.#script.call(scenario.exec, this.#dataJson, (_, error) => {
      if (this.#isInterrupted) return
      this.#state.vusActive -= 1
      this.#state.endIteration(performance.now() - started, scenario.name, error)
      done()
    })
  }

  interrupt(): void {
    this.#isInterrupted = true
    this.#state.vusActive -= 1
    this.#state.iterationsInterrupted += 1
    this.close()
  }

  /** Calls a function outside of any scenario: `setup`, `teardown`. */
  call(name: string, dataJson: string): Promise<{ readonly resultJson: string; readonly error: string }> {
    return new Promise((resolve) =>
      this.#script.call(name, dataJson, (resultJson, error) => resolve({ resultJson, error })),
    )
  }

  startTimer(delayMs: number, fire: () => void): number {
    const id = this.#nextTimer++
    const timer = setTimeout(() => {
      this.#timers.delete(id)
      try {
        fire()
      } catch (error) {
        this.#state.log("error", String((error as { message?: unknown }).message))
      }
    }, delayMs)
    this.#timers.set(id, timer)
    return id
  }

  stopTimer(id: number): void {
    clearTimeout(this.#timers.get(id))
    this.#timers.delete(id)
  }

  /** Closes the connections, and stops what the script has waited for. */
  close(): void {
    this.http.destroy()
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }
}
