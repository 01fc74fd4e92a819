import type { AuthGraph } from "../state-resolution/auth-graph.ts"
import { StateMap } from "../state-resolution/state-map.ts"

/**
 * The last resolution of a room: while branches go on beside each other it is asked for with each event, of the same
 * states. What it gives is one object then, so that whoever has seen it need not compare it with itself.
 */
export class LastResolution {
  #states: readonly StateMap[] = []
  #revision = -1
  #signedJoins = -1
  #state: StateMap | undefined

  /** What those states resolve to in that graph, where so many restricted joins were noted as signed. */
  of(graph: AuthGraph, signedJoins: number, states: readonly StateMap[], resolve: () => StateMap): StateMap {
    if (states.length === 0) return StateMap.empty
    if (states.every((state) => state === states[0])) return states[0]!
    const { revision } = graph
    const isSame =
      this.#revision === revision &&
      this.#signedJoins === signedJoins &&
      this.#states.length === states.length &&
      this.#states.every((state, at) => state === states[at])
    if (isSame && this.#state !== undefined) return this.#state
    const state = resolve()
    this.#states = states
    this.#revision = revision
    this.#signedJoins = signedJoins
    this.#state = state
    return state
  }
}
