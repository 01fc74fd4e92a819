import type { TimelineRecord } from "#spec-impl/core/room-dag/event-record.ts"
import { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { type Mutant, withDag } from "./mutant.ts"

class Dag extends RoomDag {
  override examine(...asked: Parameters<RoomDag["examine"]>): TimelineRecord {
    const record = super.examine(...asked)
    return record.verdict === "rejected" && record.index >= 0
      ? record.with({ stateAfter: this.applied(record.stateBefore, record.index) })
      : record
  }
}

export const rejectedInState: Mutant = {
  name: "rejected-in-state",
  wrong: "the state after a rejected state event holds it",
  real: "I17: synapse#6289, #1935",
  killedBy: "states",
  mutation: withDag(Dag),
}
