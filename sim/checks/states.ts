/** Each state is what the states before it make up (rooms §State resolution; server-server API §Definitions). */
import type { TimelineRecord } from "#spec-impl/core/room-dag/event-record.ts"
import type { Check } from "./check.ts"
import { findStateProblems, followsItsParents } from "./room-consistency.ts"
import { problemsByRoom } from "./whole-rooms.ts"

export const states: Check = {
  name: "states",
  about:
    "the state before an event is what those after its parents resolve to, that after it is that and the event, unless " +
    "it was rejected, and the current one what those after the forward extremities resolve to",
  watch: (world) => {
    // What resolution asks is what was rejected by the time: an outlier that was accepted may be rejected later.
    const followed = new Set<string>()
    const keyOf = (server: string, roomId: string, { event, stateBefore }: TimelineRecord): string =>
      `${server} ${roomId} ${event.eventId} ${stateBefore.digest}`
    return {
      onRecord: ({ kind, fields }) => {
        if (kind !== "event" || fields[3] !== "timeline") return []
        const [server, roomId, eventId] = fields.map(String) as [string, string, string]
        if (!world.honest.includes(server)) return []
        const dag = world.servers.get(server)?.rooms.find(roomId)?.dag
        const record = dag?.timeline(eventId)
        if (dag === undefined || record === undefined) return []
        if (followsItsParents(dag, world.resolve, record)) followed.add(keyOf(server, roomId, record))
        return []
      },
      atEnd: () =>
        problemsByRoom(world, ({ roomId, dag }, server) =>
          findStateProblems(dag, world.resolve, (record) => followed.has(keyOf(server, roomId, record))),
        ),
    }
  },
}
