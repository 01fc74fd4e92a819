import type { Event } from "../core/event.ts"
import { domainOf } from "../core/identifiers.ts"
import { compareCodePoints } from "../core/json/encode.ts"
import type { RoomDag } from "../core/room-dag/room-dag.ts"
import type { StateMap } from "../core/state-resolution/state-map.ts"

const serversByState = new WeakMap<StateMap, ReadonlySet<string>>()

/** The servers with at least one joined member in `state`; in partial state those too that are said to have one. */
export const joinedServersIn = (dag: RoomDag, state: StateMap): ReadonlySet<string> => {
  const servers = knownServersIn(dag, state)
  return dag.presumedServers === undefined ? servers : new Set([...servers, ...dag.presumedServers])
}

const knownServersIn = (dag: RoomDag, state: StateMap): ReadonlySet<string> => {
  const known = serversByState.get(state)
  if (known !== undefined) return known
  const servers = new Set<string>()
  state.forEach((index) => {
    const event = dag.graph.event(index)
    if (event.type !== "m.room.member" || event.content.membership !== "join") return
    const server = domainOf(event.stateKey ?? "")
    if (server !== undefined) servers.add(server)
  })
  serversByState.set(state, servers)
  return servers
}

/** Whether the user is joined in `state`. */
export const isJoinedIn = (dag: RoomDag, state: StateMap, userId: string): boolean =>
  dag.eventIn(state, "m.room.member", userId)?.content.membership === "join"

/** The servers with a joined member now: first those whose members joined first, by what their joins say. */
export const joinedServersByAge = (dag: RoomDag): readonly string[] => {
  const joins = new Map<string, number>()
  dag.currentState().forEach((index) => {
    const { type, stateKey, content, originServerTs } = dag.graph.event(index)
    const server =
      type === "m.room.member" && content.membership === "join" ? domainOf(stateKey ?? "") : undefined
    if (server === undefined) return
    joins.set(server, Math.min(joins.get(server) ?? Number.POSITIVE_INFINITY, Number(originServerTs)))
  })
  return [...joins]
    .sort(([one, oneTs], [other, otherTs]) => oneTs - otherTs || compareCodePoints(one, other))
    .map(([server]) => server)
}

/**
 * What a server outside may be told of a room (client-server API §Stripped state), the create event first; and whom
 * its events are put before.
 */
const strippedTypes = [
  "m.room.create",
  "m.room.join_rules",
  "m.room.name",
  "m.room.avatar",
  "m.room.topic",
  "m.room.canonical_alias",
  "m.room.encryption",
  "m.room.policy",
]

/** The events that tell an outsider what the room is, with the membership of who invites, if somebody does. */
export const strippedState = (dag: RoomDag, inviter?: string): readonly Event[] => {
  const state = dag.currentState()
  const keys: (readonly [string, string])[] = strippedTypes.map((type) => [type, ""])
  if (inviter !== undefined) keys.push(["m.room.member", inviter])
  return keys.flatMap(([type, stateKey]) => dag.eventIn(state, type, stateKey) ?? [])
}
