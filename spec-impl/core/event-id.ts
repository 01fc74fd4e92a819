import { referenceHashText } from "./hash.ts"
import type { JsonObject } from "./json/value.ts"
import type { RoomVersion } from "./room-version.ts"

/** The id of an event in federation format (rooms §Event IDs), or undefined where rooms 1–2 miss theirs. */
export const eventIdOf = (pdu: JsonObject, version: RoomVersion): string | undefined => {
  switch (version.eventId) {
    case "opaque":
      return typeof pdu.event_id === "string" ? pdu.event_id : undefined
    case "hash-standard":
      return `$${referenceHashText(pdu, version, "base64")}`
    case "hash-url-safe":
      return `$${referenceHashText(pdu, version, "base64url")}`
  }
}

/** The id of the room that a create event of room 12 begins (rooms/v12 §Event format). */
export const roomIdOfCreate = (createEventId: string): string => `!${createEventId.slice(1)}`
