/**
 * A room as lines of JSON: each event whole, with its id, after those that it cites; then what the server resolved, one
 * line for each resolution. `netsplit resolve` reads it, and the first part is what other tools take for a room.
 */
import { canonicalJson } from "#spec-impl/core/json/encode.ts"
import type { RoomCopy } from "./room-copy.ts"

export const ndjson = ({ server, roomId, roomVersion, events, resolutions }: RoomCopy): string =>
  [
    ...events.map(({ eventId, pdu }) => canonicalJson({ ...pdu, event_id: eventId })),
    ...resolutions.map(({ at, stateSets, rejected, resolved }) =>
      canonicalJson({
        name: `${server} ${at === null ? "now" : `before ${at}`}`,
        room_id: roomId,
        room_version: roomVersion,
        at,
        state_sets: stateSets,
        rejected,
        resolved,
      }),
    ),
  ]
    .map((line) => `${line}\n`)
    .join("")
