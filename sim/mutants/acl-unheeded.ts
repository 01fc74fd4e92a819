import type { Event } from "#spec-impl/core/event.ts"
import { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import type { StateMap } from "#spec-impl/core/state-resolution/state-map.ts"
import { type Mutant, withDag } from "./mutant.ts"

class Dag extends RoomDag {
  override eventIn(state: StateMap, type: string, stateKey: string): Event | undefined {
    return type === "m.room.server_acl" ? undefined : super.eventIn(state, type, stateKey)
  }
}

export const aclUnheeded: Mutant = {
  name: "acl-unheeded",
  wrong: "servers that the room's ACL denies are answered like any other",
  killedBy: "borders",
  mutation: withDag(Dag),
}
