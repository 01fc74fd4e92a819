/**
 * Of the order of events the specification promises one thing: what comes after another in the graph comes after it
 * (server-server API §PDUs). So each accepted event has one place in what clients are told, and live ones come after
 * their parents, but for those that were taken in before these, by the state that another server told.
 */

import type { Room } from "#spec-impl/homeserver/rooms.ts"
import type { TimelineEntry } from "#spec-impl/homeserver/timeline.ts"
import type { Check } from "./check.ts"
import { problemsByRoom } from "./whole-rooms.ts"

export const timelines: Check = {
  name: "timelines",
  about: "each accepted event of a room's history is told to clients once, and after those that it builds on",
  watch: (world) => ({ atEnd: () => problemsByRoom(world, problemsOf) }),
}

const problemsOf = ({ dag, timeline }: Room): readonly string[] => {
  const live = timeline.after(0, timeline.lastPosition)
  const positions = new Map(live.map((entry) => [idOf(entry), entry.position]))
  const told = new Set([...timeline].map(idOf))
  const untold = [...dag.records()].filter(
    ({ place, verdict, event }) => place === "timeline" && verdict === "accepted" && !told.has(event.eventId),
  )
  return [
    ...(told.size === timeline.length ? [] : ["an event has two places in the timeline"]),
    ...untold.map(({ event }) => `${event.eventId} was accepted, and is told to no client`),
    ...live.flatMap(({ position, record: { event, stateSource } }) =>
      (stateSource.kind === "claimed" ? [] : event.prevEvents)
        .filter((parent) => (positions.get(parent) ?? 0) > position)
        .map((parent) => `${event.eventId} is told before ${parent}, on which it builds`),
    ),
  ]
}

const idOf = ({ record }: TimelineEntry): string => record.event.eventId
