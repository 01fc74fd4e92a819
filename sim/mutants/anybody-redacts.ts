import { Redactions } from "#spec-impl/core/room-dag/redactions.ts"
import { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { type Mutant, withDag } from "./mutant.ts"

class Lenient extends Redactions {
  override mayRedact(): boolean {
    return true
  }
}

class Dag extends RoomDag {
  override readonly redactions = new Lenient(this)
}

export const anybodyRedacts: Mutant = {
  name: "anybody-redacts",
  wrong: "a redaction applies whoever sent it",
  killedBy: "redactions",
  wishes: { hostile: true },
  mutation: withDag(Dag),
}
