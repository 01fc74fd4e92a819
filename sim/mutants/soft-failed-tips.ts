import { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { type Mutant, withDag } from "./mutant.ts"

class Dag extends RoomDag {
  override forwardExtremities(): readonly string[] {
    const softFailed = [...this.records()]
      .filter(
        ({ verdict, event }) => verdict === "soft-failed" && this.held.childrenOf(event.eventId).length === 0,
      )
      .map(({ event }) => event.eventId)
    return [...new Set([...super.forwardExtremities(), ...softFailed])].sort()
  }
}

export const softFailedTips: Mutant = {
  name: "soft-failed-tips",
  wrong: "a soft-failed event is a forward extremity, and so is built on",
  real: "I23: synapse#5269, mended by #5274",
  killedBy: "verdicts",
  mutation: withDag(Dag),
}
