/** What clients need to name a room that has no name (client-server API §GET /sync: RoomSummary). */
import type { Event } from "../../core/event.ts"
import { compareCodePoints } from "../../core/json/encode.ts"
import type { JsonObject } from "../../core/json/value.ts"
import type { StateMap } from "../../core/state-resolution/state-map.ts"
import type { Room } from "../../homeserver/rooms.ts"

/** "This should be the first 5 members of the room". */
const heroesMax = 5

export interface RoomSummary {
  readonly json: JsonObject
  /** By their user ids: in lazy loading their memberships are told as well. */
  readonly heroes: readonly string[]
}

/** The summary of the room for that user, by that state of it. */
export const roomSummary = (room: Room, state: StateMap, userId: string): RoomSummary => {
  const { dag } = room
  const members: Event[] = []
  state.forEach((index) => {
    const event = dag.graph.event(index)
    if (event.type === "m.room.member") members.push(event)
  })
  const present = members.filter(
    ({ content }) => content.membership === "join" || content.membership === "invite",
  )
  const joinedCount = present.filter(({ content }) => content.membership === "join").length
  const counts = {
    "m.joined_member_count": joinedCount,
    "m.invited_member_count": present.length - joinedCount,
  }
  if (isNamed(room, state)) return { json: counts, heroes: [] }
  const others = present.filter(({ stateKey }) => stateKey !== userId)
  const candidates = others.length > 0 ? others : members.filter(({ stateKey }) => stateKey !== userId)
  const heroes = [...candidates]
    .sort(
      (one, other) =>
        placeOf(room, one) - placeOf(room, other) || compareCodePoints(one.stateKey!, other.stateKey!),
    )
    .slice(0, heroesMax)
    .map(({ stateKey }) => stateKey!)
  return { json: { ...counts, "m.heroes": heroes }, heroes }
}

/** "Required if the room's m.room.name or m.room.canonical_alias state events are unset or empty". */
const isNamed = ({ dag }: Room, state: StateMap): boolean => {
  const name = dag.eventIn(state, "m.room.name", "")?.content.name
  const alias = dag.eventIn(state, "m.room.canonical_alias", "")?.content.alias
  return [name, alias].some((text) => typeof text === "string" && text !== "")
}

/** "Ordered by stream ordering": what came with the room, without a place of its own, came first. */
const placeOf = ({ dag, timeline }: Room, { eventId }: Event): number => {
  const record = dag.record(eventId)
  return Math.max(0, (record === undefined ? undefined : timeline.positionOf(record)) ?? 0)
}
