/** Which servers a room is to be the same on. */
import { domainOf } from "#spec-impl/core/identifiers.ts"
import { compareCodePoints } from "#spec-impl/core/json/encode.ts"
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import type { VirtualServer } from "../world/world.ts"

/** All rooms that any of the servers holds. */
export const roomIdsOf = (servers: Iterable<VirtualServer>): readonly string[] => {
  const ids = new Set<string>()
  for (const { rooms } of servers) for (const { roomId } of rooms.all()) ids.add(roomId)
  return [...ids].sort(compareCodePoints)
}

/** Servers with a user who is joined, as one server sees it. */
const joinedServers = (dag: RoomDag): ReadonlySet<string> => {
  const joined = new Set<string>()
  for (const eventId of dag.eventIdsIn(dag.currentState())) {
    const event = dag.record(eventId)?.event
    if (event?.type !== "m.room.member" || event.content.membership !== "join") continue
    joined.add(domainOf(event.stateKey ?? "") ?? "")
  }
  return joined
}

/** Servers that the room's access control list shuts out, as one server sees it. */
const isShutOut = (dag: RoomDag, server: string): boolean => {
  const deny = dag.eventIn(dag.currentState(), "m.room.server_acl", "")?.content.deny
  return Array.isArray(deny) && deny.includes(server)
}

/**
 * Those that hold the room and are in it, by their own word or that of another that is: nobody tells a server that has
 * left what goes on. Whom an access control list shuts out, in anybody's eyes, is told and not heard. The word of a
 * server that came back on a backup does not count: that it was removed since it may never hear again.
 */
export const participantsOf = (
  roomId: string,
  servers: readonly VirtualServer[],
  rolledBack: ReadonlySet<string>,
): readonly VirtualServer[] => {
  const holders = servers.flatMap((server) => {
    const dag = server.isDown() ? undefined : server.rooms.find(roomId)?.dag
    return dag === undefined ? [] : [{ server, dag, joined: joinedServers(dag) }]
  })
  const within = holders.filter(
    ({ server, joined }) => joined.has(server.name) && !rolledBack.has(server.name),
  )
  return holders
    .filter(({ server }) => within.some(({ joined }) => joined.has(server.name)))
    .filter(({ server }) => !within.some(({ dag }) => isShutOut(dag, server.name)))
    .map(({ server }) => server)
}
