import { domainOf } from "../core/identifiers.ts"
import type { RoomDag } from "../core/room-dag/room-dag.ts"
import type { StateMap } from "../core/state-resolution/state-map.ts"

const serversByState = new WeakMap<StateMap, ReadonlySet<string>>()

/** The servers with at least one joined member in `state`. */
export const joinedServersIn = (dag: RoomDag, state: StateMap): ReadonlySet<string> => {
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
