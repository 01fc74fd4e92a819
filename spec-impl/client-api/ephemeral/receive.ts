/** Client-server API §Typing Notifications, §Receipts, §Fully read markers and §Presence: the receiving half. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import type { JsonValue } from "../../core/json/value.ts"
import { forbidden, invalidParameter, type MatrixError, notFound } from "../../federation/matrix-error.ts"
import { Presence } from "../../federation/presence/presence.ts"
import { Receipts } from "../../federation/receipts/receipts.ts"
import { Typing } from "../../federation/typing/typing.ts"
import { type Room, Rooms } from "../../homeserver/rooms.ts"
import { isJoined, roomsOf } from "../../homeserver/shared-rooms.ts"
import { AccountData } from "../account-data/account-data.ts"
import { acted } from "../acted.ts"
import { ClientApi } from "../api.ts"
import { Requester } from "../client-endpoint.ts"
import { ownId } from "../own.ts"
import { threadOf } from "./threads.ts"

export const EphemeralReceive = HttpApiBuilder.group(
  ClientApi,
  "ephemeral",
  Effect.fnUntraced(function* (handlers) {
    const rooms = yield* Rooms
    const typing = yield* Typing
    const receipts = yield* Receipts
    const presence = yield* Presence
    const accountData = yield* AccountData

    /** §m.fully_read: in the account data of the room; the event must be of the room. */
    const markFullyRead = Effect.fnUntraced(function* (userId: string, roomId: string, eventId: string) {
      const room = yield* rooms.get(roomId)
      if (!isJoined(room, userId)) return yield* forbidden(`${userId} is not in the room`)
      if (room.dag.record(eventId) === undefined) return yield* notFound(`event ${eventId} is not held here`)
      yield* acted(accountData.set(userId, roomId, "m.fully_read", { event_id: eventId }))
    })

    const read = Effect.fnUntraced(function* (
      userId: string,
      roomId: string,
      { type, eventId, threadId }: { type: string; eventId: string; threadId: string | undefined },
    ) {
      if (type === "m.fully_read") return yield* markFullyRead(userId, roomId, eventId)
      const options = {
        isPrivate: type === "m.read.private",
        ...(threadId === undefined ? {} : { threadId }),
      }
      yield* acted(receipts.read(userId, roomId, eventId, options))
    })

    const mayKnow = (userId: string, other: string): boolean =>
      userId === other || roomsOf(rooms, userId).some((room) => isJoined(room, other))

    return handlers
      .handle(
        "typing",
        Effect.fnUntraced(function* ({ params: { roomId, userId }, payload }) {
          yield* ownId(userId)
          const { timeout } = payload
          if (payload.typing)
            yield* typing.start(userId, roomId, timeout === undefined ? undefined : Math.max(0, timeout))
          else yield* typing.stop(userId, roomId)
          return {}
        }),
      )
      .handle(
        "receipt",
        Effect.fnUntraced(function* ({ params: { roomId, receiptType: type, eventId }, payload }) {
          const { userId } = yield* Requester
          if (type !== "m.read" && type !== "m.read.private" && type !== "m.fully_read")
            return yield* invalidParameter(`there are no receipts of type ${type}`)
          const threadId = yield* threadIn(payload.thread_id, type, rooms.find(roomId), eventId)
          yield* read(userId, roomId, { type, eventId, threadId })
          return {}
        }),
      )
      .handle(
        "readMarkers",
        Effect.fnUntraced(function* ({ params: { roomId }, payload }) {
          const { userId } = yield* Requester
          for (const type of ["m.fully_read", "m.read", "m.read.private"] as const) {
            const eventId = payload[type]
            if (eventId !== undefined) yield* read(userId, roomId, { type, eventId, threadId: undefined })
          }
          return {}
        }),
      )
      .handle(
        "presence",
        Effect.fnUntraced(function* ({ params: { userId } }) {
          const { userId: requester } = yield* Requester
          if (!mayKnow(requester, userId)) return yield* forbidden(`you share no room with ${userId}`)
          const {
            presence: kind,
            lastActiveAgoMs,
            statusMsg,
            currentlyActive,
          } = yield* presence.presenceOf(userId)
          return {
            presence: kind,
            currently_active: currentlyActive,
            ...(lastActiveAgoMs === undefined ? {} : { last_active_ago: lastActiveAgoMs }),
            ...(statusMsg === undefined ? {} : { status_msg: statusMsg }),
          }
        }),
      )
      .handle(
        "setPresence",
        Effect.fnUntraced(function* ({ params: { userId }, payload }) {
          yield* ownId(userId)
          yield* presence.set(userId, payload.presence, payload.status_msg ?? undefined)
          return {}
        }),
      )
  }),
)

/** §POST …/receipt: the thread that a receipt is of, where it is of one. */
const threadIn = (
  threadId: JsonValue | undefined,
  type: string,
  room: Room | undefined,
  eventId: string,
): Effect.Effect<string | undefined, MatrixError> => {
  if (threadId === undefined) return Effect.undefined
  if (typeof threadId !== "string" || threadId === "")
    return Effect.fail(invalidParameter("thread_id is no string that says anything"))
  if (type === "m.fully_read") return Effect.fail(invalidParameter("m.fully_read is of no thread"))
  const event = room?.dag.record(eventId)?.event
  return event === undefined ||
    room === undefined ||
    eventId === threadId ||
    threadOf(room.dag, event) === threadId
    ? Effect.succeed(threadId)
    : Effect.fail(invalidParameter(`event ${eventId} is not of the thread ${threadId}`))
}
