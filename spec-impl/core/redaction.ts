import { isJsonObject, type JsonObject, type JsonValue, newObject } from "./json/value.ts"
import type { RoomVersion } from "./room-version.ts"

const keptTopLevel = [
  "event_id",
  "type",
  "room_id",
  "sender",
  "state_key",
  "content",
  "hashes",
  "signatures",
  "depth",
  "prev_events",
  "auth_events",
  "origin_server_ts",
] as const
const keptTopLevelHistorical = [...keptTopLevel, "prev_state", "origin", "membership"] as const

/** The event with only the keys that the room version protects from redaction (rooms §Redactions). */
export const redact = (pdu: JsonObject, version: RoomVersion): JsonObject => {
  const kept = newObject<JsonValue>()
  for (const key of version.redaction.keepsHistoricalTopLevel ? keptTopLevelHistorical : keptTopLevel) {
    if (Object.hasOwn(pdu, key)) kept[key] = pdu[key]!
  }
  const content = pdu.content
  kept.content = isJsonObject(content) ? redactContent(pdu.type, content, version) : {}
  return kept
}

const redactContent = (
  type: JsonValue | undefined,
  content: JsonObject,
  version: RoomVersion,
): JsonObject => {
  const { contentKeys, keepsThirdPartySigned } = version.redaction
  const keys = typeof type === "string" && Object.hasOwn(contentKeys, type) ? contentKeys[type]! : []
  if (keys === "all") return content
  const kept = newObject<JsonValue>()
  for (const key of keys) if (Object.hasOwn(content, key)) kept[key] = content[key]!
  const invite = content.third_party_invite
  if (keepsThirdPartySigned && type === "m.room.member" && isJsonObject(invite)) {
    // rooms/v11 §Redactions: `signed` is kept, and nothing else of third_party_invite.
    if (Object.hasOwn(invite, "signed")) kept.third_party_invite = { signed: invite.signed! }
  }
  return kept
}
