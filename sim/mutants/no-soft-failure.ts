import type { TimelineRecord } from "#spec-impl/core/room-dag/event-record.ts"
import { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { type Mutant, withDag } from "./mutant.ts"

class Dag extends RoomDag {
  override examine(...asked: Parameters<RoomDag["examine"]>): TimelineRecord {
    const record = super.examine(...asked)
    return record.verdict === "soft-failed"
      ? record.with({ verdict: "accepted", objection: undefined })
      : record
  }
}

export const noSoftFailure: Mutant = {
  name: "no-soft-failure",
  wrong: "new events are not held against the current state (check 6)",
  killedBy: "verdicts",
  mutation: withDag(Dag),
}
