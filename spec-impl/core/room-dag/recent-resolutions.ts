import type { AuthGraph } from "../state-resolution/auth-graph.ts"
import { StateMap } from "../state-resolution/state-map.ts"

interface Resolution {
  readonly states: readonly StateMap[]
  readonly state: StateMap
}

/** As many events as a transaction has are examined, and then applied: by the same states. */
const countMax = 32

/**
 * The last resolutions of a room: while branches go on beside each other it is asked for with each event, of the same
 * states. What is given is one object then, so that whoever has seen it need not compare it with itself.
 */
export class RecentResolutions {
  readonly #known: Resolution[] = []
  #next = 0
  #revision = -1
  #signedJoins = -1

  /** What those states resolve to in that graph, where so many restricted joins were noted as signed. */
  of(graph: AuthGraph, signedJoins: number, states: readonly StateMap[], resolve: () => StateMap): StateMap {
    if (states.length === 0) return StateMap.empty
    if (states.every((state) => state === states[0])) return states[0]!
    const { revision } = graph
    if (this.#revision !== revision || this.#signedJoins !== signedJoins) {
      this.#known.length = 0
      this.#next = 0
      this.#revision = revision
      this.#signedJoins = signedJoins
    }
    for (const known of this.#known) if (areSame(known.states, states)) return known.state
    const state = resolve()
    this.#known[this.#next] = { states, state }
    this.#next = (this.#next + 1) % countMax
    return state
  }
}

/** In their order: a resolution does not depend on it, but somebody's that is wrong may. */
const areSame = (some: readonly StateMap[], others: readonly StateMap[]): boolean =>
  some.length === others.length && some.every((state, at) => state === others[at])
