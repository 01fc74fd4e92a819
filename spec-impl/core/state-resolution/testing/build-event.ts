import { encodeBase64, encodeBase64Url } from "../../base64.ts"
import type { Event } from "../../event.ts"
import { parseEvent } from "../../event-format.ts"
import { contentHash, referenceHash, sha256 } from "../../hash.ts"
import { domainOf } from "../../identifiers.ts"
import { canonicalJson } from "../../json/encode.ts"
import type { JsonObject, JsonValue } from "../../json/value.ts"
import type { RoomVersion } from "../../room-version.ts"

/** What makes an event; the rest follows from the room version. */
export interface EventDraft {
  readonly type: string
  readonly stateKey: string
  readonly sender: string
  readonly content: JsonObject
  readonly authEvents: readonly Event[]
  readonly prevEvents: readonly Event[]
  readonly originServerTs: number
  /** One more than the deepest parent's where it is left out. */
  readonly depth?: number
  /** Left out where the create event of room 12 has none. */
  readonly roomId?: string
}

/** An event with its content hash and id, unsigned. Throws where it is none of that version. */
export const buildEvent = (version: RoomVersion, draft: EventDraft): Event => {
  const references = (events: readonly Event[]): JsonValue =>
    version.eventReferences === "ids"
      ? events.map(({ eventId }) => eventId)
      : events.map(({ eventId, pdu }) => [eventId, { sha256: encodeBase64(referenceHash(pdu, version)) }])
  const { type, stateKey, sender, content, authEvents, prevEvents, originServerTs, roomId } = draft
  const depths = prevEvents.map((event) => Number(event.depth))
  const unnamed: JsonObject = {
    type,
    state_key: stateKey,
    sender,
    content,
    auth_events: references(authEvents),
    prev_events: references(prevEvents),
    origin_server_ts: originServerTs,
    depth: draft.depth ?? Math.max(0, ...depths) + 1,
    ...(roomId !== undefined && { room_id: roomId }),
    signatures: {},
  }
  const named = version.eventId === "opaque" ? { ...unnamed, event_id: opaqueId(unnamed, sender) } : unnamed
  const parsed = parseEvent({ ...named, hashes: { sha256: contentHash(named) } }, version)
  if ("problem" in parsed) throw new Error(parsed.problem)
  return parsed.event
}

const opaqueId = (pdu: JsonObject, sender: string): string =>
  `$${encodeBase64Url(sha256(canonicalJson(pdu))).slice(0, 18)}:${domainOf(sender)}`
