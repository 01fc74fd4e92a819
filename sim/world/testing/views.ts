/** For tests: what a server holds of a room. */
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { stateByKey } from "../../checks/agreement.ts"
import type { Played } from "./play.ts"

/** The room as that server holds it, which it must. */
export const roomOn = ({ servers }: Played, server: string, roomId: string) =>
  servers.get(server)!.rooms.find(roomId)!

/** Its current state, `type|state_key` → event id. */
export const stateOn = (played: Played, server: string, roomId: string) => {
  const { dag } = roomOn(played, server, roomId)
  return stateByKey(dag, dag.currentState())
}

/** What the server made of an event that is part of its history. */
export const verdictOn = (played: Played, server: string, roomId: string, eventId: string) =>
  roomOn(played, server, roomId).dag.timeline(eventId)?.verdict

/** The membership of a user there. */
export const membershipOn = ({ stage }: Played, server: string, roomId: string, userId: string): unknown =>
  stage.stateOf(server, roomId, "m.room.member", userId)?.content.membership

/** Tips, state, and all that was decided about each event, as plain data. */
export const viewOf = (dag: RoomDag) => ({
  tips: dag.forwardExtremities(),
  state: stateByKey(dag, dag.currentState()),
  records: [...dag.records()]
    .map((record) => [
      record.event.eventId,
      record.place,
      record.verdict,
      record.objection,
      ...(record.place === "timeline" ? [record.stateBefore.digest, record.stateAfter.digest] : []),
    ])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
})
