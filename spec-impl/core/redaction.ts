import { isJsonObject, type JsonObject, type JsonValue, newObject } from "./json/value.ts"
import type { RoomVersion } from "./room-version.ts"

/** In canonical order, in which what is left of an event is hashed. */
const keptTopLevel = [
  "auth_events",
  "content",
  "depth",
  "event_id",
  "hashes",
  "origin_server_ts",
  "prev_events",
  "room_id",
  "sender",
  "signatures",
  "state_key",
  "type",
] as const
const keptTopLevelHistorical = [...keptTopLevel, "membership", "origin", "prev_state"].sort()

/** The event with only the keys that the room version protects from redaction (rooms §Redactions). */
export const redact = (pdu: JsonObject, version: RoomVersion): JsonObject => {
  const kept = newObject<JsonValue>()
  for (const key of version.redaction.keepsHistoricalTopLevel ? keptTopLevelHistorical : keptTopLevel) {
    if (key === "content") kept.content = contentOf(pdu, version)
    else if (Object.hasOwn(pdu, key)) kept[key] = pdu[key]!
  }
  return kept
}

const contentOf = ({ type, content }: JsonObject, version: RoomVersion): JsonObject =>
  isJsonObject(content) ? redactContent(type, content, version) : {}

const redactContent = (
  type: JsonValue | undefined,
  content: JsonObject,
  version: RoomVersion,
): JsonObject => {
  const { contentKeys, keepsThirdPartySigned } = version.redaction
  const keys = typeof type === "string" && Object.hasOwn(contentKeys, type) ? contentKeys[type]! : []
  if (keys === "all") return content
  const kept = newObject<JsonValue>()
  for (const key in content) if (keys.includes(key)) kept[key] = content[key]!
  const invite = content.third_party_invite
  if (keepsThirdPartySigned && type === "m.room.member" && isJsonObject(invite)) {
    // rooms/v11 §Redactions: `signed` is kept, and nothing else of third_party_invite.
    if (Object.hasOwn(invite, "signed")) kept.third_party_invite = { signed: invite.signed! }
  }
  return kept
}
