import type { Event } from "#spec-impl/core/event.ts"
import { Redactions } from "#spec-impl/core/room-dag/redactions.ts"
import { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { type Mutant, withDag } from "./mutant.ts"

class Ignored extends Redactions {
  override shown(event: Event): Event {
    return event
  }
}

class Dag extends RoomDag {
  override readonly redactions = new Ignored(this)
}

export const redactionsIgnored: Mutant = {
  name: "redactions-ignored",
  wrong: "what is redacted is shown whole",
  killedBy: "redactions",
  mutation: withDag(Dag),
}
