/** What is looked at before a user's event is made, beyond what the room's rules say. */
import { Effect } from "effect"
import { isRoomAlias } from "../../core/identifiers.ts"
import { isJsonArray, isJsonObject, type JsonObject } from "../../core/json/value.ts"
import { badAlias, duplicateAnnotation, invalidParameter } from "../../federation/matrix-error.ts"
import { Aliases } from "../../federation/queries/aliases.ts"
import type { Room } from "../../homeserver/rooms.ts"

/**
 * §PUT …/state: aliases that an m.room.canonical_alias names, and did not name before, must be some (400
 * M_INVALID_PARAM), and lead to the room (400 M_BAD_ALIAS).
 */
export const checkCanonicalAlias = Effect.fnUntraced(function* (room: Room, content: JsonObject) {
  const aliases = yield* Aliases
  const { dag, roomId } = room
  const known = new Set(
    aliasesIn(dag.eventIn(dag.currentState(), "m.room.canonical_alias", "")?.content ?? {}),
  )
  for (const alias of aliasesIn(content)) {
    if (known.has(alias)) continue
    if (typeof alias !== "string" || !isRoomAlias(alias))
      return yield* invalidParameter(`${String(alias)} is no room alias`)
    const target = yield* Effect.option(aliases.resolve(alias))
    if (target._tag === "None" || target.value.room_id !== roomId)
      return yield* badAlias(`${alias} does not lead to this room`)
  }
})

const aliasesIn = ({ alias, alt_aliases: others }: JsonObject): readonly unknown[] => [
  ...(alias === undefined || alias === null || alias === "" ? [] : [alias]),
  ...(others === undefined ? [] : isJsonArray(others) ? others : [others]),
]

/** §Avoiding duplicate annotations: 400 M_DUPLICATE_ANNOTATION where the user has said the same of the same event. */
export const checkAnnotation = Effect.fnUntraced(function* (
  { dag }: Room,
  sender: string,
  type: string,
  content: JsonObject,
) {
  const said = annotationIn(content)
  if (said === undefined) return
  // What a user of this server says so is not evicted (`homeserver/eviction.ts`).
  const isSame = [...dag.held.allInMemory()].some(({ place, verdict, event }) => {
    if (place !== "timeline" || verdict !== "accepted") return false
    if (event.sender !== sender || event.type !== type) return false
    const other = annotationIn(dag.redactions.shown(event).content)
    return other?.eventId === said.eventId && other.key === said.key
  })
  if (isSame) return yield* duplicateAnnotation("that was said of the event already")
})

const annotationIn = (content: JsonObject) => {
  const relation = content["m.relates_to"]
  return isJsonObject(relation) && relation.rel_type === "m.annotation"
    ? { eventId: relation.event_id, key: relation.key }
    : undefined
}
