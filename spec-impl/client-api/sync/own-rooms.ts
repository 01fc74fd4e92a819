/** What happened in the rooms of a user, in the span of a sync. */

import type { Outside } from "../../homeserver/outside.ts"
import type { Room, Rooms } from "../../homeserver/rooms.ts"
import { isJoined, joinedMembers } from "../../homeserver/shared-rooms.ts"
import { isOfState } from "../../homeserver/timeline.ts"
import type { Sharing } from "./device-changes.ts"
import { newsOfJoined, newsOfLeft, type RoomNews } from "./joined-room.ts"
import { stateAt } from "./room-at.ts"
import type { Span } from "./span.ts"
import { type AtTheDoor, atTheDoorBy, atTheDoorOf } from "./stripped.ts"

export interface OwnRooms {
  readonly joined: readonly RoomNews[]
  readonly left: readonly RoomNews[]
  /** Rooms that the user stands before, by room id: as they are now, where that has changed. */
  readonly atTheDoor: ReadonlyMap<string, AtTheDoor>
}

/** Who shares a room with the user now. */
export const sharingWith = (rooms: Rooms["Service"], userId: string): Sharing => {
  let own: readonly Room[] | undefined
  const ownRooms = (): readonly Room[] => (own ??= rooms.all().filter((room) => isJoined(room, userId)))
  return {
    isSharing: (other) => other === userId || ownRooms().some((room) => isJoined(room, other)),
    all: () => [userId, ...ownRooms().flatMap(joinedMembers)],
  }
}

/** Of which rooms something is to be told, although nothing happened in them. */
export interface Touched {
  /** Whatever that is. */
  readonly isTouched: (roomId: string) => boolean
  /** All of its state. */
  readonly isWhole: (roomId: string) => boolean
}

/** Rooms that the server is not in are for `standings`. */
export const ownRooms = (
  rooms: Rooms["Service"],
  outside: Outside["Service"],
  { isTouched, isWhole }: Touched,
  span: Span,
): OwnRooms => {
  const { userId, since, until } = span
  const joined: RoomNews[] = []
  const left: RoomNews[] = []
  const atTheDoor = new Map<string, AtTheDoor>()
  for (const room of rooms.all()) {
    const { roomId, timeline } = room
    const last = timeline.lastPosition
    const hasHappened = since === undefined || last > since
    if (!hasHappened && !isTouched(roomId)) continue
    const stateNow = stateAt(room, until)
    const membership = room.dag.eventIn(stateNow, "m.room.member", userId)?.content.membership
    // Who has just come in still stands outside for a moment; what is held of a room that was left is of the past.
    if (membership === "join") {
      const fullState = span.fullState || isWhole(roomId)
      joined.push(newsOfJoined(room, stateNow, { ...span, fullState }))
      continue
    }
    if (!hasHappened || outside.standingOf(userId, roomId) !== undefined) continue
    if (membership === "leave" || membership === "ban") {
      // §Filtering: include_leave.
      if (since === undefined && !span.filter.rooms.includeLeave) continue
      const news = newsOfLeft(room, span)
      if (news !== undefined) left.push(news)
    } else {
      const isNew = timeline
        .after(since ?? 0, until)
        .filter(isOfState)
        .some(({ record: { event } }) => event.type === "m.room.member" && event.stateKey === userId)
      const door = isNew || since === undefined ? atTheDoorOf(room, stateNow, userId) : undefined
      if (door !== undefined) atTheDoor.set(roomId, door)
    }
  }
  return { joined, left, atTheDoor }
}

/**
 * What has changed of rooms that the user is not in, nor this server: as the user stands to them, or undefined where that
 * is over. Who has gone in is told so otherwise.
 */
export const standings = (
  rooms: Rooms["Service"],
  outside: Outside["Service"],
  userId: string,
  changed: readonly string[] | undefined,
): ReadonlyMap<string, AtTheDoor | undefined> => {
  const membershipIn = (roomId: string): unknown => {
    const dag = rooms.find(roomId)?.dag
    return dag?.eventIn(dag.currentState(), "m.room.member", userId)?.content.membership
  }
  const isIn = (roomId: string): boolean => membershipIn(roomId) === "join"
  // Of rooms that the user has been in, and left, the events tell.
  const isOver = (roomId: string): boolean => membershipIn(roomId) !== "leave"
  const concerned = changed ?? [
    ...outside.ofUser(userId).map(({ roomId }) => roomId),
    ...outside.overFor(userId).filter(isOver),
  ]
  return new Map(
    concerned
      .filter((roomId) => !isIn(roomId))
      .map((roomId) => {
        const standing = outside.standingOf(userId, roomId)
        return [roomId, standing === undefined ? undefined : atTheDoorBy(standing)]
      }),
  )
}
