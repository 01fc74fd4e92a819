/** What of a room a user may read at all (client-server API §Getting events for a room). */
import { Context, Effect, Layer } from "effect"
import type { TimelineRecord } from "../../core/room-dag/event-record.ts"
import type { StateMap } from "../../core/state-resolution/state-map.ts"
import { forbidden, type MatrixError, unknownKind } from "../../federation/matrix-error.ts"
import { Outside } from "../../homeserver/outside.ts"
import { type Room, Rooms } from "../../homeserver/rooms.ts"
import { EventStore, type StoreFailure } from "../../store/event-store.ts"
import { Requester } from "../client-endpoint.ts"

const collection = "forgotten-rooms"

/** Where a reader of a room stands: in it now, outside since that event, or outside of a room that all may read. */
export type Reader =
  | { readonly kind: "joined" | "peeking"; readonly room: Room }
  | { readonly kind: "left"; readonly room: Room; readonly leaving: TimelineRecord }

/**
 * The event by which the user, who is not joined now, ceased to be; undefined for who never was. After it there may
 * be others: an invite that was turned down, a ban.
 */
export const leavingOf = ({ dag }: Room, userId: string): TimelineRecord | undefined => {
  let event = dag.eventIn(dag.currentState(), "m.room.member", userId)
  while (event !== undefined) {
    const record = dag.timeline(event.eventId)
    if (record === undefined) return undefined
    const before = dag.eventIn(record.stateBefore, "m.room.member", userId)
    if (before?.content.membership === "join") return record
    event = before?.eventId === event.eventId ? undefined : before
  }
  return undefined
}

/** Which rooms users that have left do not want to know of any more (§POST …/forget). */
export class ForgottenRooms extends Context.Service<
  ForgottenRooms,
  {
    /** 400 M_UNKNOWN unless the user has left the room; it is remembered again once the user comes back. */
    readonly forget: (userId: string, roomId: string) => Effect.Effect<void, MatrixError | StoreFailure>
    readonly has: (userId: string, room: Room) => boolean
  }
>()("netsplit/client-api/ForgottenRooms") {
  /** Takes up what the store keeps. */
  static readonly layer = Layer.effect(
    ForgottenRooms,
    Effect.gen(function* () {
      const store = yield* EventStore
      const rooms = yield* Rooms
      const outside = yield* Outside
      const keyOf = (userId: string, roomId: string): string => JSON.stringify([userId, roomId])
      /** The event by which the user had left when it forgot the room. */
      const forgotten = new Map(yield* store.records(collection))

      return ForgottenRooms.of({
        forget: Effect.fnUntraced(function* (userId, roomId) {
          const room = rooms.find(roomId)
          const member =
            room === undefined
              ? undefined
              : room.dag.eventIn(room.dag.currentState(), "m.room.member", userId)
          const { membership } = member?.content ?? {}
          const isOut = membership === "leave" || membership === "ban"
          if (!isOut || outside.standingOf(userId, roomId) !== undefined || room === undefined)
            return yield* unknownKind(`${userId} has not left the room`)
          const leaving = leavingOf(room, userId)?.event.eventId ?? ""
          const key = keyOf(userId, roomId)
          yield* store.commit({ records: [{ collection, key, value: leaving }] })
          forgotten.set(key, leaving)
        }),
        has: (userId, room) => {
          const leaving = forgotten.get(keyOf(userId, room.roomId))
          return leaving !== undefined && leaving === (leavingOf(room, userId)?.event.eventId ?? "")
        },
      })
    }),
  )
}

/**
 * Where the requester stands to a room that it wants to read: 403 for who is not in it and never was, or has forgotten
 * it, unless all may read the room, as it is now.
 */
export const readerOf = Effect.fnUntraced(function* (roomId: string) {
  const { userId } = yield* Requester
  const rooms = yield* Rooms
  const forgottenRooms = yield* ForgottenRooms
  const room = rooms.find(roomId)
  const reader = room === undefined ? undefined : standingIn(room, userId)
  const isForgotten = room !== undefined && reader?.kind === "left" && forgottenRooms.has(userId, room)
  return reader === undefined || isForgotten
    ? yield* forbidden(`${userId} is not in the room, and never was`)
    : reader
})

const standingIn = (room: Room, userId: string): Reader | undefined => {
  const { dag } = room
  const now = dag.currentState()
  if (dag.eventIn(now, "m.room.member", userId)?.content.membership === "join")
    return { kind: "joined", room }
  const visibility = dag.eventIn(now, "m.room.history_visibility", "")?.content.history_visibility
  if (visibility === "world_readable") return { kind: "peeking", room }
  const leaving = leavingOf(room, userId)
  return leaving === undefined ? undefined : { kind: "left", room, leaving }
}

/** The room's state as that reader may know it: as it is now, or was when the reader left. */
export const stateFor = (reader: Reader): StateMap =>
  reader.kind === "left" ? reader.leaving.stateAfter : reader.room.dag.currentState()
