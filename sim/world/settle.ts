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
  const body = `settled, says ${server.name}`
  return Effect.firstSuccessOf(
    members.map((speaker) =>
      server.users.send(speaker, roomId, "m.room.message", { msgtype: "m.text", body }),
    ),
  ).pipe(
    Effect.as(true),
    Effect.orElseSucceed(() => false),
  )
}
