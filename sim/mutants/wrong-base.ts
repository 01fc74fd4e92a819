import type { TimelineRecord } from "#spec-impl/core/room-dag/event-record.ts"
import { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { type Mutant, withDag } from "./mutant.ts"

class Dag extends RoomDag {
  override examine(...asked: Parameters<RoomDag["examine"]>): TimelineRecord {
    const record = super.examine(...asked)
    const { event, verdict, index, stateSource } = record
    const base = this.timeline(event.prevEvents[0] ?? "")?.stateAfter
    const isMerge = stateSource.kind === "computed" && event.prevEvents.length > 1
    if (!isMerge || base === undefined) return record
    return record.with({
      stateAfter: verdict === "rejected" || index < 0 ? base : this.applied(base, index),
    })
  }
}

export const wrongBase: Mutant = {
  name: "wrong-base",
  wrong:
    "an event with several parents is judged by what their states resolve to, and the state after it is kept as a " +
    "change to that after the first of them",
  real: "I14: synapse#13278",
  killedBy: "states",
  mutation: withDag(Dag),
}
