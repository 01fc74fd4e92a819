/** Which servers a room is to be the same on. */
import { compareCodePoints } from "#spec-impl/core/json/encode.ts"
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { aclAllows } from "#spec-impl/homeserver/room-acl.ts"
import { serversIn } from "#spec-impl/homeserver/shared-rooms.ts"
import type { VirtualServer } from "../world/world.ts"

/** All rooms that any of the servers holds. */
export const roomIdsOf = (servers: Iterable<VirtualServer>): readonly string[] => {
  const ids = new Set<string>()
  for (const { rooms } of servers) for (const { roomId } of rooms.all()) ids.add(roomId)
  return [...ids].sort(compareCodePoints)
}

/** A room as one server holds it, with the servers that are in it by its word. */
export interface Holder {
  readonly server: VirtualServer
  readonly dag: RoomDag
  readonly joined: ReadonlySet<string>
}

export const holdersOf = (roomId: string, servers: readonly VirtualServer[]): readonly Holder[] =>
  servers.flatMap((server) => {
    const room = server.isDown() ? undefined : server.rooms.find(roomId)
    return room === undefined ? [] : [{ server, dag: room.dag, joined: serversIn(room) }]
  })

/**
 * Those that hold the room and are in it, by their own word or that of another that is: nobody tells a server that has
 * left what goes on. Whom an access control list shuts out, in anybody's eyes, is told and not heard; nor can it ask for
 * what it lacks, so that its word does not count. Nor does that of a server that came back on a backup: that it was
 * removed since it may never hear again.
 */
export const participantsOf = (
  roomId: string,
  servers: readonly VirtualServer[],
  rolledBack: ReadonlySet<string>,
): readonly VirtualServer[] => {
  const holders = holdersOf(roomId, servers)
  const within = holders.filter(({ server: { name }, joined }) => joined.has(name) && !rolledBack.has(name))
  const isHeard = ({ server: { name } }: Holder) => within.every(({ dag }) => aclAllows(dag, name))
  const heard = within.filter(isHeard)
  return holders
    .filter(isHeard)
    .map(({ server }) => server)
    .filter(({ name }) => heard.some(({ joined }) => joined.has(name)))
}
