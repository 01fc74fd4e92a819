/** What a directory and a space say of a room (server-server API §Published room directory, §Spaces). */
import type { JsonObject, JsonValue } from "../../core/json/value.ts"
import type { Room } from "../../homeserver/rooms.ts"
import { joinedMembers } from "../../homeserver/shared-rooms.ts"

/** Fields of the state that are told as they are: name in the summary, event type, key of its content. */
const told = [
  ["name", "m.room.name", "name"],
  ["topic", "m.room.topic", "topic"],
  ["avatar_url", "m.room.avatar", "url"],
  ["canonical_alias", "m.room.canonical_alias", "alias"],
  ["join_rule", "m.room.join_rules", "join_rule"],
  ["room_type", "m.room.create", "type"],
] as const

/** The content of the room's state event of that type, now. */
export const stateContent = ({ dag }: Room, type: string): JsonObject | undefined =>
  dag.eventIn(dag.currentState(), type, "")?.content

/** The summary that both have in common. */
export const roomSummary = (room: Room): JsonObject => ({
  room_id: room.roomId,
  num_joined_members: joinedMembers(room).length,
  world_readable: stateContent(room, "m.room.history_visibility")?.history_visibility === "world_readable",
  guest_can_join: stateContent(room, "m.room.guest_access")?.guest_access === "can_join",
  ...Object.fromEntries(
    told.flatMap(([field, type, key]): [string, JsonValue][] => {
      const value = stateContent(room, type)?.[key]
      return typeof value === "string" ? [[field, value]] : []
    }),
  ),
})
