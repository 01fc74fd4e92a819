import { Effect } from "effect"
import type { RoomDag } from "../core/room-dag/room-dag.ts"
import { serverIsAllowed } from "../core/server-acl.ts"
import { forbidden } from "../federation/matrix-error.ts"
import type { Room } from "./rooms.ts"

/** Whether the room's ACL, as it stands now, lets that server take part (server-server API §Server ACLs). */
export const aclAllows = (dag: RoomDag, server: string): boolean =>
  serverIsAllowed(
    dag.eventIn(dag.currentState(), "m.room.server_acl", "")?.content,
    server,
    dag.rules.readings.aclCase,
  )

/** 403 for a server that the room's ACL denies. The ACL is of the network: no event is rejected by it. */
export const checkAcl = ({ dag, roomId }: Room, server: string) =>
  aclAllows(dag, server)
    ? Effect.void
    : Effect.fail(forbidden(`${server} is denied by the server ACL of room ${roomId}`))
