/** Whether all servers hold one and the same end of a room: what is asked of a thousand servers must be cheap. */
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import type { VirtualServer } from "../world/world.ts"

/** The first difference between the first server and another, in extremities or state, or what is unsent; null where there is none. */
export const findDisagreement = (roomId: string, servers: readonly VirtualServer[]): string | null => {
  let first: { readonly name: string; readonly tips: string; readonly state: ReadonlySet<string> } | undefined
  for (const { name, rooms, destinations } of servers) {
    const [unsent] = destinations.unsent()
    if (unsent !== undefined) return `${name} has ${unsent.eventCount} events for ${unsent.destination}`
    const dag = rooms.find(roomId)?.dag
    if (dag === undefined) return `${name} is not in the room`
    const tips = dag.forwardExtremities().join(" ")
    const eventIds = dag.eventIdsIn(dag.currentState())
    first ??= { name, tips, state: new Set(eventIds) }
    if (tips !== first.tips) return `${name} has other forward extremities than ${first.name}`
    if (!hasExactly(first.state, eventIds)) return `${name} has another state than ${first.name}`
  }
  return null
}

const hasExactly = (all: ReadonlySet<string>, eventIds: ReturnType<RoomDag["eventIdsIn"]>): boolean =>
  all.size === eventIds.length && eventIds.every((eventId) => all.has(eventId))
