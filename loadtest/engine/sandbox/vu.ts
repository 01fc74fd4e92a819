import type { Host, Tags, VuState } from "./host.ts"

/** What the modules of one VU share: its numbers, its tags, and how much it still waits for. */
export class Vu {
  readonly number: number
  readonly state: VuState = {
    iteration: 0,
    scenario: "",
    executor: "",
    startTime: 0,
    iterationInInstance: 0,
    iterationInTest: 0,
    iterationInScenario: 0,
    tags: {},
  }
  /** True while the script is evaluated: `open` and new metrics are for then only. */
  isInitializing = true
  discardBodies = false
  options: unknown = {}
  group = ""
  /** What the script adds to all its samples by `exec.vu.metrics.tags`. */
  readonly ownTags: Record<string, string> = {}
  readonly host: Host
  #pending = 0
  #onIdle: (() => void) | undefined

  constructor(host: Host, number: number) {
    this.host = host
    this.number = number
  }

  /** The tags of a sample, without its own. */
  tags(): Tags {
    return { scenario: this.state.scenario, group: this.group, ...this.state.tags, ...this.ownTags }
  }

  /** Something was begun that calls back: an iteration lasts until all of it ended (k6's event loop). */
  begin(): void {
    this.#pending += 1
  }

  end(): void {
    this.#pending -= 1
    // What the callback has resolved runs first: it may begin something new.
    if (this.#pending === 0 && this.#onIdle !== undefined) Promise.resolve().then(() => this.#settle())
  }

  /** Calls when nothing is pending. */
  whenIdle(then: () => void): void {
    this.#onIdle = then
    if (this.#pending === 0) this.#settle()
  }

  #settle(): void {
    if (this.#pending > 0) return
    const then = this.#onIdle
    this.#onIdle = undefined
    then?.()
  }
}
