/** How a server goes out of a room: with the last of its users. */
import { domainOf } from "#spec-impl/core/identifiers.ts"
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { joinedServersIn } from "#spec-impl/homeserver/room-members.ts"

/** Whether by that event the server went out of the room. */
export const isDeparture = (dag: RoomDag, server: string, eventId: string): boolean => {
  const record = dag.timeline(eventId)
  if (record?.verdict !== "accepted") return false
  const { event, stateBefore, stateAfter } = record
  return (
    event.type === "m.room.member" &&
    domainOf(event.stateKey ?? "") === server &&
    joinedServersIn(dag, stateBefore).has(server) &&
    !joinedServersIn(dag, stateAfter).has(server)
  )
}
