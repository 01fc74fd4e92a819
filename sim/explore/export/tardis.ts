/**
 * A room as a scenario of TARDIS, the time-travelling debugger of room DAGs (github.com/matrix-org/tardis): a file in
 * JSON5, of which JSON is a part. Its fields are those that its README, `src/scenario.ts` and its examples document.
 */
import { canonicalJson } from "#spec-impl/core/json/encode.ts"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import type { RoomCopy } from "./room-copy.ts"

/**
 * The text of the file. Events keep their real ids, so TARDIS is told to compute none; the state after each is what the
 * server held there, so that it shows without a resolver what the server saw. What is not usual about an event is
 * written beside it.
 */
export const tardisScenario = (room: RoomCopy, title: string): string => {
  const { events, roomVersion, roomId, differing } = room
  const noted = events.filter(({ notes }) => notes.length > 0)
  const last = events.at(-1)?.eventId
  const titles: Record<string, string> = Object.fromEntries(
    noted.map(({ eventId, notes }) => [eventId, notes.join("\n")]),
  )
  if (last !== undefined && differing.length > 0) {
    titles[last] = [titles[last], ...differing].filter((line) => line !== undefined).join("\n")
  }
  const head = {
    tardis_version: 1,
    room_version: roomVersion,
    // Where the create event has no room_id TARDIS would put this into it.
    ...(events.some(({ pdu }) => pdu.room_id === undefined) ? {} : { room_id: roomId }),
    calculate_event_ids: false,
    on_load_at_start: false,
    annotations: {
      title: [title, `As ${room.server} sees ${roomId}, version ${roomVersion}.`].join("\n"),
      titles,
      events: Object.fromEntries(noted.map(({ eventId, type, notes }) => [eventId, `${type}: ${notes[0]}`])),
    },
  }
  const states = events.flatMap(({ eventId, stateAfter }) =>
    stateAfter === undefined ? [] : [`    ${JSON.stringify(eventId)}: ${JSON.stringify(stateAfter)}`],
  )
  const lines = events.map(({ eventId, pdu, prevEvents, authEvents }) => {
    // In rooms 1 and 2 events name each other with hashes: TARDIS wants ids alone.
    const event: JsonObject = { ...pdu, event_id: eventId, prev_events: prevEvents, auth_events: authEvents }
    return `    ${canonicalJson(event)}`
  })
  return [
    JSON.stringify(head, undefined, 2).slice(0, -2),
    `  "precalculated_state_after": {\n${states.join(",\n")}\n  }`,
    `  "events": [\n${lines.join(",\n")}\n  ]\n}\n`,
  ].join(",\n")
}
