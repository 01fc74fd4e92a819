import type { AuthGraph } from "./auth-graph.ts"
import type { StateMap } from "./state-map.ts"

const undecided = -2
const none = -1

/** A state while it is resolved: what was decided so far, above the map that it began from. */
export class PartialState {
  readonly #graph: AuthGraph
  readonly #base: StateMap
  /** By key; as long as the graph has keys, so that reading and writing are one step each. */
  readonly #decided: Int32Array
  readonly #decidedKeys: number[] = []

  /** Begins from `base` without what it has under the keys of `hidden`. */
  constructor(graph: AuthGraph, base: StateMap, hidden: readonly number[]) {
    this.#graph = graph
    this.#base = base
    this.#decided = new Int32Array(graph.keyCount).fill(undecided)
    for (const key of hidden) this.#decided[key] = none
  }

  /** The event under `key`, or −1. */
  get(key: number): number {
    const decided = this.#decided[key]
    return decided === undefined || decided === undecided ? this.#base.get(key) : decided
  }

  /** Puts an event in its place. */
  set(event: number): void {
    const key = this.#graph.keyOfEvent(event)
    if (this.#decided[key]! < 0) this.#decidedKeys.push(key)
    this.#decided[key] = event
  }

  /** The events that were set and not replaced. */
  decidedEvents(): readonly number[] {
    return this.#decidedKeys.map((key) => this.#decided[key]!)
  }
}
