import type { EventRecord } from "#spec-impl/core/room-dag/event-record.ts"
import { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import type { StateMap } from "#spec-impl/core/state-resolution/state-map.ts"
import { type Mutant, withDag } from "./mutant.ts"

/** A room that begins is too small for a cache; later it is what it should be with each fourth event. */
const freshEvents = 4
const eventsMax = 4

class Dag extends RoomDag {
  #seen: StateMap | undefined
  #count = 0

  override apply(record: EventRecord): void {
    super.apply(record)
    this.#count += 1
    if (this.#count <= freshEvents || this.#count % eventsMax === 0) this.#seen = undefined
  }

  override currentState(): StateMap {
    this.#seen ??= super.currentState()
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
