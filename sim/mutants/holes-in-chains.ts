import type { Event } from "#spec-impl/core/event.ts"
import { DagCutShort } from "./chains-cut-short.ts"
import { type Mutant, withDag } from "./mutant.ts"

class Dag extends DagCutShort {
  override missingAuthEvents(event: Event): readonly string[] {
    return super.missingAuthEvents(event).filter((eventId) => !this.holes.has(eventId))
  }
}

export const holesInChains: Mutant = {
  name: "holes-in-chains",
  wrong: "what was once not to be had of an auth chain is never asked for again: events are kept without it",
  real: "I16: synapse#18746; Complement TestCorruptedAuthChain",
  killedBy: "event-graph",
  wishes: { hostile: true },
  mutation: withDag(Dag),
}
