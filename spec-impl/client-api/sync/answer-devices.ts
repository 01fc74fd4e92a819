/** Client-server API §GET /keys/changes. */
import { Effect } from "effect"
import { Changes } from "../../homeserver/changes.ts"
import { Rooms } from "../../homeserver/rooms.ts"
import { deviceChanges, type RoomSpan } from "./device-changes.ts"
import { sharingWith } from "./own-rooms.ts"
import { stateAt } from "./room-at.ts"

/** By user, the positions between, and the change since; what changed after the end may be named as well. */
export const makeDeviceChanges = Effect.gen(function* () {
  const rooms = yield* Rooms
  const changes = yield* Changes
  return (userId: string, since: number, until: number, changesSince: number | undefined) => {
    const joined: RoomSpan[] = []
    const left: RoomSpan[] = []
    for (const room of rooms.all()) {
      const happened = room.timeline.after(since, until)
      if (happened.length === 0) continue
      const isIn = (position: number): boolean =>
        room.dag.eventIn(stateAt(room, position), "m.room.member", userId)?.content.membership === "join"
      const wasIn = isIn(since)
      if (isIn(until)) joined.push({ room, cameIn: !wasIn, happened })
      else if (wasIn) left.push({ room, cameIn: false, happened })
    }
    const changed =
      changesSince === undefined
        ? undefined
        : changes.since("devices", changesSince).map(([changed]) => changed)
    return deviceChanges(sharingWith(rooms, userId), { joined, left }, changed)
  }
})
