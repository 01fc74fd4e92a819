import { Effect } from "effect"
import type { VirtualServer } from "./world.ts"

/** One message from a member of the server; false where none may speak. A server without members need not. */
export const settle = (server: VirtualServer, roomId: string): Effect.Effect<boolean> => {
  const dag = server.rooms.find(roomId)?.dag
  if (dag === undefined) return Effect.succeed(true)
  const members = dag
    .eventIdsIn(dag.currentState())
    .flatMap((eventId) => dag.record(eventId)?.event ?? [])
    .filter((event) => event.type === "m.room.member" && event.content.membership === "join")
    .filter((event) => event.sender.endsWith(`:${server.name}`))
    .map((event) => event.sender)
    .sort()
  if (members.length === 0) return Effect.succeed(true)
  return settleBy(server, roomId, members)
}

/** The first of them who may. */
const settleBy = (
  server: VirtualServer,
  roomId: string,
  [speaker, ...others]: readonly string[],
): Effect.Effect<boolean> =>
  speaker === undefined
    ? Effect.succeed(false)
    : server.users
        .send(speaker, roomId, "m.room.message", { msgtype: "m.text", body: `settled, says ${server.name}` })
        .pipe(
          Effect.as(true),
          Effect.catch(() => settleBy(server, roomId, others)),
        )
