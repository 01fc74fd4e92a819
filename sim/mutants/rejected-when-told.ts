import type { Event } from "#spec-impl/core/event.ts"
import type { OutlierRecord } from "#spec-impl/core/room-dag/event-record.ts"
import { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { type Mutant, withDag } from "./mutant.ts"

class Dag extends RoomDag {
  override examineOutlier(event: Event): OutlierRecord {
    const record = super.examineOutlier(event)
    const isKnown = event.authEvents.every((cited) => this.graph.indexOf(cited) !== undefined)
    return record.verdict === "rejected" && event.stateKey !== undefined && isKnown
      ? { ...record, index: this.intern(event) }
      : record
  }
}

export const rejectedWhenTold: Mutant = {
  name: "rejected-when-told",
  wrong: "an event that its own auth_events reject has its place in a state that another server tells",
  real: "I18: synapse#13723, #13797",
  killedBy: "state-events",
  byHand: "no fault of a random plan tells of what was rejected",
  mutation: withDag(Dag),
}
