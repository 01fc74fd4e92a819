import { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import type { StateMap } from "#spec-impl/core/state-resolution/state-map.ts"
import { type Mutant, withDag } from "./mutant.ts"

/** So many looks at the current state find what the first of them found. */
const looksMax = 5

class Dag extends RoomDag {
  #seen: StateMap | undefined
  #looks = 0

  override currentState(): StateMap {
    this.#looks += 1
    if (this.#seen === undefined || this.#looks % looksMax === 0) this.#seen = super.currentState()
    return this.#seen
  }
}

export const staleState: Mutant = {
  name: "stale-state",
  wrong: "the current state is read from a cache that lags behind, so that good events are soft-failed",
  real: "I24: synapse#7744",
  killedBy: "verdicts",
  mutation: withDag(Dag),
}
