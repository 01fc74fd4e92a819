/** Client-server API §Room membership: the receiving half. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { domainOf, isRoomAlias } from "../../core/identifiers.ts"
import { compareCodePoints } from "../../core/json/encode.ts"
import { forbidden, invalidParameter, notFound } from "../../federation/matrix-error.ts"
import { Aliases } from "../../federation/queries/aliases.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { LocalUsers } from "../../homeserver/local-users.ts"
import { Outside } from "../../homeserver/outside.ts"
import { Rooms } from "../../homeserver/rooms.ts"
import { roomsOf } from "../../homeserver/shared-rooms.ts"
import { acted } from "../acted.ts"
import { ClientApi } from "../api.ts"
import { Requester } from "../client-endpoint.ts"
import { ForgottenRooms } from "../events/access.ts"
import { roomOfRequester } from "../room-of-requester.ts"
import { checkUserId, inviteByAddress, inviteUser } from "./inviting.ts"
import { profileContent } from "./profile-content.ts"

interface EntranceQuery {
  readonly via?: readonly string[]
  readonly server_name?: readonly string[]
}

/**
 * Which room is meant, and the servers by which one can go there: those that are named, and those that know of it. 404
 * for a room of which nobody knows here, and no server is named.
 */
const doorOf = Effect.fnUntraced(function* (roomIdOrAlias: string, query: EntranceQuery) {
  const { userId } = yield* Requester
  const { serverName } = yield* ServerIdentity
  const rooms = yield* Rooms
  const outside = yield* Outside
  const door = yield* readDoor(roomIdOrAlias, query)
  const isKnown =
    rooms.find(door.roomId) !== undefined || outside.standingOf(userId, door.roomId) !== undefined
  return isKnown || door.via.some((server) => server !== serverName)
    ? door
    : yield* notFound("nobody here knows of such a room")
})

const readDoor = Effect.fnUntraced(function* (roomIdOrAlias: string, query: EntranceQuery) {
  const aliases = yield* Aliases
  const named = [...(query.via ?? []), ...(query.server_name ?? [])]
  if (isRoomAlias(roomIdOrAlias)) {
    const { room_id: roomId, servers } = yield* acted(aliases.resolve(roomIdOrAlias))
    return { roomId, via: [...named, ...servers] }
  }
  if (!roomIdOrAlias.startsWith("!")) return yield* invalidParameter("that is no room id, and no alias")
  // Rooms 1–11 name the server that made them: it may still be in there.
  const maker = domainOf(roomIdOrAlias)
  return { roomId: roomIdOrAlias, via: maker === undefined ? named : [...named, maker] }
})

const saying = (reason: string | undefined) => (reason === undefined ? {} : { reason })

/** The membership of somebody in a room now, where this server knows of it. */
const membershipOf = Effect.fnUntraced(function* (roomId: string, userId: string) {
  const rooms = yield* Rooms
  const dag = rooms.find(roomId)?.dag
  return dag?.eventIn(dag.currentState(), "m.room.member", userId)?.content.membership
})

export const MembershipsReceive = HttpApiBuilder.group(
  ClientApi,
  "memberships",
  Effect.fnUntraced(function* (handlers) {
    const users = yield* LocalUsers
    const rooms = yield* Rooms
    const forgottenRooms = yield* ForgottenRooms

    const join = Effect.fnUntraced(function* (
      roomId: string,
      via: readonly string[],
      reason: string | undefined,
    ) {
      const { userId } = yield* Requester
      // Whoever is in already stays as it is.
      if ((yield* membershipOf(roomId, userId)) !== "join") {
        const more = { ...(yield* profileContent(userId)), ...saying(reason) }
        yield* acted(users.join(userId, roomId, via, more))
      }
      return { room_id: roomId }
    })

    return handlers
      .handle("joinedRooms", () =>
        Effect.map(Requester, ({ userId }) => ({
          joined_rooms: roomsOf(rooms, userId)
            .map(({ roomId }) => roomId)
            .sort(compareCodePoints),
        })),
      )
      .handle("join", ({ params, query, payload: { reason } }) =>
        Effect.flatMap(doorOf(params.roomIdOrAlias, query), ({ roomId, via }) => join(roomId, via, reason)),
      )
      .handle("joinRoom", ({ params: { roomId }, payload: { reason } }) =>
        Effect.flatMap(doorOf(roomId, {}), (door) => join(door.roomId, door.via, reason)),
      )
      .handle(
        "knock",
        Effect.fnUntraced(function* ({ params: { roomIdOrAlias }, query, payload: { reason } }) {
          const { userId } = yield* Requester
          const { roomId, via } = yield* doorOf(roomIdOrAlias, query)
          const more = { ...(yield* profileContent(userId)), ...saying(reason) }
          yield* acted(users.knock(userId, roomId, via, more))
          return { room_id: roomId }
        }),
      )
      .handle(
        "invite",
        Effect.fnUntraced(function* ({ params: { roomId }, payload }) {
          const { userId } = yield* Requester
          const { user_id: target, reason } = payload
          yield* roomOfRequester(roomId)
          if (target === undefined) yield* inviteByAddress(userId, roomId, payload)
          else yield* inviteUser(userId, roomId, target, saying(reason))
          return {}
        }),
      )
      .handle(
        "leave",
        Effect.fnUntraced(function* ({ params: { roomId }, payload: { reason } }) {
          const { userId } = yield* Requester
          yield* acted(users.leave(userId, roomId, saying(reason)))
          return {}
        }),
      )
      .handle("forget", ({ params: { roomId } }) =>
        Effect.flatMap(Requester, ({ userId }) =>
          acted(Effect.as(forgottenRooms.forget(userId, roomId), {})),
        ),
      )
      .handle(
        "kick",
        Effect.fnUntraced(function* ({ params: { roomId }, payload }) {
          const { userId } = yield* Requester
          const target = payload.user_id
          yield* checkUserId(target)
          const membership = yield* membershipOf(roomId, target)
          // §POST …/kick: the rules would let a leave follow on a leave.
          if (membership === undefined || membership === "leave" || membership === "ban")
            return yield* forbidden(`${target} is not in the room`)
          yield* acted(users.kick(userId, roomId, target, payload.reason))
          return {}
        }),
      )
      .handle(
        "ban",
        Effect.fnUntraced(function* ({ params: { roomId }, payload }) {
          const { userId } = yield* Requester
          yield* checkUserId(payload.user_id)
          yield* roomOfRequester(roomId)
          yield* acted(users.ban(userId, roomId, payload.user_id, payload.reason))
          return {}
        }),
      )
      .handle(
        "unban",
        Effect.fnUntraced(function* ({ params: { roomId }, payload }) {
          const { userId } = yield* Requester
          const target = payload.user_id
          yield* checkUserId(target)
          if ((yield* membershipOf(roomId, target)) !== "ban")
            return yield* forbidden(`${target} is not banned from the room`)
          yield* acted(users.unban(userId, roomId, target, payload.reason))
          return {}
        }),
      )
  }),
)
