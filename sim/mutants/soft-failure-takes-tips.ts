import { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { type Mutant, withDag } from "./mutant.ts"

class Dag extends RoomDag {
  override forwardExtremities(): readonly string[] {
    const tips = super.forwardExtremities()
    const left = tips.filter((tip) =>
      this.held.childrenOf(tip).every((child) => this.timeline(child)?.verdict !== "soft-failed"),
    )
    return left.length > 0 ? left : tips.slice(0, 1)
  }
}

export const softFailureTakesTips: Mutant = {
  name: "soft-failure-takes-tips",
  wrong:
    "the parents of a soft-failed event are no forward extremities any more, unless it would be left without any",
  real: "I22: synapse#5090; tuwunel e0f10343e",
  killedBy: "event-graph",
  mutation: withDag(Dag),
}
