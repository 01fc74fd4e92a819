import { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import type { StateMap } from "#spec-impl/core/state-resolution/state-map.ts"
import { type Mutant, withDag } from "./mutant.ts"

class Dag extends RoomDag {
  override currentState(): StateMap {
    let state = super.currentState()
    for (const { verdict, index } of this.records()) {
      if (verdict === "soft-failed" && index >= 0) state = this.applied(state, index)
    }
    return state
  }
}

export const softFailedInState: Mutant = {
  name: "soft-failed-in-state",
  wrong: "a soft-failed state event becomes part of the room's current state",
  real: "I21: tuwunel cb03606b8, c244cc3cc",
  killedBy: "states",
  mutation: withDag(Dag),
}
