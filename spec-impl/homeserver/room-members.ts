import type { Event } from "../core/event.ts"
import { domainOf } from "../core/identifiers.ts"
import { compareCodePoints } from "../core/json/encode.ts"
import { Recent } from "../core/recent.ts"
import type { RoomDag } from "../core/room-dag/room-dag.ts"
import type { AuthGraph } from "../core/state-resolution/auth-graph.ts"
import { StateMap } from "../core/state-resolution/state-map.ts"

/** The servers with at least one joined member in `state`; in partial state those too that are said to have one. */
export const joinedServersIn = (dag: RoomDag, state: StateMap): ReadonlySet<string> => {
  const servers = knownServersIn(dag, state)
  return dag.presumedServers === undefined ? servers : new Set([...servers, ...dag.presumedServers])
}

/** How many joined members each server has in one state of a room; and the servers, by code point. */
interface Census {
  state: StateMap
  readonly counts: Map<string, number>
  servers: ReadonlySet<string>
  /** Of the graph: after another one its indices may be other events'. */
  readonly truncations: number
}

const serversByState = new WeakMap<StateMap, ReadonlySet<string>>()
const censuses = new WeakMap<AuthGraph, Census>()
/** Whoever holds the same state counts the same servers: of a thousand virtual servers each would sort a thousand names. */
const serversByDigest = new Recent<string, ReadonlySet<string>>(256)

/** Counted by what differs from the state that was asked for last: as long as no server comes or goes it is one set. */
const knownServersIn = ({ graph }: RoomDag, state: StateMap): ReadonlySet<string> => {
  const known = serversByState.get(state)
  if (known !== undefined) return known
  const last = censuses.get(graph)
  const { truncations } = graph
  const census: Census =
    last?.truncations === truncations
      ? last
      : { state: StateMap.empty, counts: new Map(), servers: last?.servers ?? new Set(), truncations }
  censuses.set(graph, census)
  let isChanged = census !== last
  const count = (index: number, more: 1 | -1): void => {
    const server = index < 0 ? undefined : serverOfJoined(graph.event(index))
    if (server === undefined) return
    const before = census.counts.get(server) ?? 0
    if (before + more === 0) census.counts.delete(server)
    else census.counts.set(server, before + more)
    isChanged ||= before === 0 || before + more === 0
  }
  for (const key of StateMap.differences([census.state, state])) {
    count(state.get(key), 1)
    count(census.state.get(key), -1)
  }
  census.state = state
  if (isChanged && !hasExactly(census.servers, census.counts)) {
    census.servers =
      serversByDigest.get(state.digest) ??
      serversByDigest.keep(state.digest, new Set([...census.counts.keys()].sort(compareCodePoints)))
  }
  serversByState.set(state, census.servers)
  return census.servers
}

const hasExactly = (servers: ReadonlySet<string>, counts: ReadonlyMap<string, number>): boolean =>
  servers.size === counts.size && [...servers].every((server) => counts.has(server))

const serverOfJoined = ({ type, stateKey, content }: Event): string | undefined =>
  type === "m.room.member" && content.membership === "join" ? serverName(domainOf(stateKey ?? "")) : undefined

/** The same text for all virtual servers, each of which counts all others. */
const serverName = (name: string | undefined): string | undefined =>
  name === undefined ? undefined : (serverNames.get(name) ?? serverNames.keep(name, name))

const serverNames = new Recent<string, string>()

/** Whether the user is joined in `state`. */
export const isJoinedIn = (dag: RoomDag, state: StateMap, userId: string): boolean =>
  dag.eventIn(state, "m.room.member", userId)?.content.membership === "join"

/** The servers with a joined member now: first those whose members joined first, by what their joins say. */
export const joinedServersByAge = (dag: RoomDag): readonly string[] => {
  const joins = new Map<string, number>()
  dag.currentState().forEach((index) => {
    const event = dag.graph.event(index)
    const server = serverOfJoined(event)
    if (server === undefined) return
    const { originServerTs } = event
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
