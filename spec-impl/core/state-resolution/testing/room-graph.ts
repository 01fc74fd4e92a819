import type { Event } from "../../event.ts"
import type { RoomVersion } from "../../room-version.ts"
import { AuthGraph } from "../auth-graph.ts"
import { StateMap } from "../state-map.ts"
import type { NaiveRoom, NaiveState } from "./naive-resolver.ts"

/** The room's auth graph, its events added in their own order or in the one given. */
export const graphOf = (
  room: NaiveRoom,
  version: RoomVersion,
  events: Iterable<Event> = room.events.values(),
): AuthGraph => {
  const graph = new AuthGraph(version)
  for (const event of events) graph.add(event, { rejected: room.rejected.has(event.eventId) })
  return graph
}

/** The same state in terms of `graph`. */
export const stateMapOf = (graph: AuthGraph, state: NaiveState): StateMap =>
  StateMap.fromEvents(
    graph,
    [...state.values()].map(({ eventId }) => graph.indexOf(eventId)!),
  )

/** The same state in terms that hold in any graph: `type|state_key` → event id. */
export const idsByKey = (graph: AuthGraph, state: StateMap): Readonly<Record<string, string>> => {
  const ids: Record<string, string> = {}
  state.forEach((event, key) => {
    ids[graph.keyOf(key).join("|")] = graph.event(event).eventId
  })
  return ids
}

/** The room's events in another order, in which they still come after those that they cite. */
export const shuffledEvents = ({ events }: NaiveRoom): readonly Event[] => {
  const waiting = [...events.values()].reverse()
  const order: Event[] = []
  const placed = new Set<string>()
  while (waiting.length > 0) {
    const at = waiting.findIndex((event) => event.authEvents.every((cited) => placed.has(cited)))
    const [event] = waiting.splice(at, 1)
    order.push(event!)
    placed.add(event!.eventId)
  }
  return order
}
