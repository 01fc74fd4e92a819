/** What `omit_members` of send_join leaves out (server-server API §Joining Rooms, MSC3706). */
import type { RoomDag } from "../core/room-dag/room-dag.ts"
import type { StateMap } from "../core/state-resolution/state-map.ts"

const heroesMax = 5

/**
 * The ids of `state` without its memberships, but for those of the heroes where the room has no name of its own: the
 * joining server must be able to make one of them.
 */
export const withoutMembers = (dag: RoomDag, state: StateMap, joining: string): readonly string[] => {
  const heroes = new Set(isNamed(dag, state) ? [] : heroesOf(dag, state, joining))
  return dag
    .eventIdsIn(state)
    .filter((eventId) => dag.record(eventId)?.event.type !== "m.room.member" || heroes.has(eventId))
}

const isNamed = (dag: RoomDag, state: StateMap): boolean => {
  const { name } = dag.eventIn(state, "m.room.name", "")?.content ?? {}
  const { alias } = dag.eventIn(state, "m.room.canonical_alias", "")?.content ?? {}
  return [name, alias].some((text) => typeof text === "string" && text !== "")
}

/**
 * The memberships of the users in `m.heroes` (client-server API §Syncing): the first five who are joined or invited,
 * in the order in which this server took them in, but for the user who asks; where there are none, of those who left
 * or are banned.
 */
const heroesOf = (dag: RoomDag, state: StateMap, except: string): readonly string[] => {
  const inState = new Set(dag.eventIdsIn(state))
  const members = [...dag.held.allInMemory()].flatMap(({ event }) =>
    event.type === "m.room.member" && event.stateKey !== except && inState.has(event.eventId) ? event : [],
  )
  const present = members.filter(({ content }) => ["join", "invite"].includes(String(content.membership)))
  return (present.length > 0 ? present : members).slice(0, heroesMax).map(({ eventId }) => eventId)
}
