/** Who is typing in which room (server-server API §Typing Notifications). */
import { Clock, Context, Effect, Layer } from "effect"
import { domainOf } from "../../core/identifiers.ts"
import { compareCodePoints } from "../../core/json/encode.ts"
import { Changes } from "../../homeserver/changes.ts"
import { Destinations } from "../../homeserver/destinations.ts"
import { Edus } from "../../homeserver/edus.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { aclAllows } from "../../homeserver/room-acl.ts"
import { Rooms } from "../../homeserver/rooms.ts"
import { isJoined, mayBeJoined, serversIn } from "../../homeserver/shared-rooms.ts"
import { forbidden, type MatrixError } from "../matrix-error.ts"

/** How long a user of this server is typing who does not say for how long. */
const typingMsDefault = 30_000
/** So long a user of another server is typing at most without being heard of again, as in Synapse. */
const typingMsMax = 60_000

export class Typing extends Context.Service<
  Typing,
  {
    /** A user of this server begins, or goes on, for `durationMs` (30 s by default, 60 s at most). */
    readonly start: (userId: string, roomId: string, durationMs?: number) => Effect.Effect<void, MatrixError>
    readonly stop: (userId: string, roomId: string) => Effect.Effect<void, MatrixError>
    /** Who is typing now, by code point. */
    readonly typingIn: (roomId: string) => Effect.Effect<readonly string[]>
    /**
     * Notes whose time is over, of users of other servers that have said no more; and gives when the next one's will be,
     * undefined where nobody is typing.
     */
    readonly lapse: Effect.Effect<number | undefined>
  }
>()("netsplit/Typing") {
  static readonly layer = Layer.effect(
    Typing,
    Effect.gen(function* () {
      const rooms = yield* Rooms
      const destinations = yield* Destinations
      const edus = yield* Edus
      const changes = yield* Changes
      const { serverName } = yield* ServerIdentity
      const scope = yield* Effect.scope
      /** By room, then by user: until when. */
      const typing = new Map<string, Map<string, number>>()

      const note = (roomId: string): void => changes.note("typing", roomId)

      const inRoom = (roomId: string): Map<string, number> => {
        const known = typing.get(roomId)
        if (known !== undefined) return known
        const made = new Map<string, number>()
        typing.set(roomId, made)
        return made
      }

      const tell = Effect.fnUntraced(function* (userId: string, roomId: string, isTyping: boolean) {
        const room = rooms.find(roomId)
        if (room === undefined) return
        const content = { room_id: roomId, user_id: userId, typing: isTyping }
        const queued = { id: `m.typing ${roomId} ${userId}`, edu: { edu_type: "m.typing", content } }
        yield* destinations.sendEdus([queued], serversIn(room), { isOfTheMoment: true })
      })

      const checkMember = Effect.fnUntraced(function* (userId: string, roomId: string) {
        const room = yield* rooms.get(roomId)
        if (!isJoined(room, userId)) return yield* forbidden(`${userId} is not in the room`)
      })

      /** Ends what was begun, unless the user has gone on meanwhile. */
      const endAt = Effect.fnUntraced(function* (userId: string, roomId: string, untilMs: number) {
        yield* Effect.sleep(untilMs - (yield* Clock.currentTimeMillis))
        if (inRoom(roomId).get(userId) !== untilMs) return
        inRoom(roomId).delete(userId)
        note(roomId)
        yield* tell(userId, roomId, false)
      })

      edus.handle("m.typing", (origin, content) =>
        Effect.map(Clock.currentTimeMillis, (nowMs) => {
          const { room_id: roomId, user_id: userId, typing: isTyping } = content
          if (typeof roomId !== "string" || typeof userId !== "string") return
          const room = rooms.find(roomId)
          if (room === undefined || domainOf(userId) !== origin || !mayBeJoined(room, userId)) return
          if (!aclAllows(room.dag, origin)) return
          if (isTyping === true) inRoom(roomId).set(userId, nowMs + typingMsMax)
          else if (isTyping === false) inRoom(roomId).delete(userId)
          note(roomId)
        }),
      )

      rooms.watch((room, { event }) => {
        const userId = event.type === "m.room.member" ? event.stateKey : undefined
        if (userId === undefined || mayBeJoined(room, userId)) return undefined
        if (typing.get(room.roomId)?.delete(userId)) note(room.roomId)
        return undefined
      })

      return Typing.of({
        start: Effect.fnUntraced(function* (userId, roomId, durationMs = typingMsDefault) {
          yield* checkMember(userId, roomId)
          const untilMs = (yield* Clock.currentTimeMillis) + Math.min(durationMs, typingMsMax)
          inRoom(roomId).set(userId, untilMs)
          note(roomId)
          yield* tell(userId, roomId, true)
          yield* Effect.forkIn(endAt(userId, roomId, untilMs), scope)
        }),
        stop: Effect.fnUntraced(function* (userId, roomId) {
          yield* checkMember(userId, roomId)
          if (!inRoom(roomId).delete(userId)) return
          note(roomId)
          yield* tell(userId, roomId, false)
        }),
        lapse: Effect.map(Clock.currentTimeMillis, (nowMs) => {
          let nextMs: number | undefined
          for (const [roomId, users] of typing) {
            for (const [userId, untilMs] of users) {
              if (untilMs > nowMs) nextMs = Math.min(nextMs ?? untilMs, untilMs)
              else if (domainOf(userId) !== serverName && users.delete(userId)) note(roomId)
            }
          }
          return nextMs
        }),
        typingIn: (roomId) =>
          Effect.map(Clock.currentTimeMillis, (nowMs) =>
            [...(typing.get(roomId) ?? [])]
              .filter(([, untilMs]) => untilMs > nowMs)
              .map(([userId]) => userId)
              .sort(compareCodePoints),
          ),
      })
    }),
  )
}
