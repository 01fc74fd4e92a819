/** Client-server API §Room aliases and §Published room directory: the receiving half. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { isServerName } from "../../core/identifiers.ts"
import { type DirectoryQuery, PublishedRooms } from "../../federation/directory/published-rooms.ts"
import { forbidden, invalidParameter } from "../../federation/matrix-error.ts"
import { Aliases } from "../../federation/queries/aliases.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { Rooms } from "../../homeserver/rooms.ts"
import { isJoined } from "../../homeserver/shared-rooms.ts"
import { acted } from "../acted.ts"
import { ClientApi } from "../api.ts"
import { Requester } from "../client-endpoint.ts"

/** A page of this server's directory, or of another's. */
const makePage = Effect.gen(function* () {
  const published = yield* PublishedRooms
  const { serverName } = yield* ServerIdentity
  return Effect.fnUntraced(function* (server: string | undefined, query: DirectoryQuery) {
    if (query.limit !== undefined && query.limit < 0)
      return yield* invalidParameter("there are no pages of less than nothing")
    if (server === undefined || server === serverName) return yield* published.page(query)
    if (!isServerName(server)) return yield* invalidParameter(`${server} is no server's name`)
    return yield* acted(published.pageOf(server, query))
  })
})

export const DirectoryReceive = HttpApiBuilder.group(
  ClientApi,
  "directory",
  Effect.fnUntraced(function* (handlers) {
    const aliases = yield* Aliases
    const published = yield* PublishedRooms
    const rooms = yield* Rooms
    const page = yield* makePage
    return handlers
      .handle("alias", ({ params: { roomAlias } }) => acted(aliases.resolve(roomAlias)))
      .handle("visibility", ({ params: { roomId } }) =>
        Effect.map(rooms.get(roomId), () => ({
          visibility: published.isPublished(roomId) ? "public" : "private",
        })),
      )
      .handle("publicRooms", ({ query: { server, ...query } }) => page(server, query))
  }),
)

export const OwnDirectoryReceive = HttpApiBuilder.group(
  ClientApi,
  "ownDirectory",
  Effect.fnUntraced(function* (handlers) {
    const aliases = yield* Aliases
    const published = yield* PublishedRooms
    const rooms = yield* Rooms
    const page = yield* makePage
    return handlers
      .handle(
        "createAlias",
        Effect.fnUntraced(function* ({ params: { roomAlias }, payload }) {
          const { userId } = yield* Requester
          yield* acted(aliases.create(userId, roomAlias, payload.room_id))
          return {}
        }),
      )
      .handle(
        "removeAlias",
        Effect.fnUntraced(function* ({ params: { roomAlias } }) {
          const { userId } = yield* Requester
          yield* acted(aliases.remove(userId, roomAlias))
          return {}
        }),
      )
      .handle(
        "aliasesOf",
        Effect.fnUntraced(function* ({ params: { roomId } }) {
          const { userId } = yield* Requester
          const room = yield* rooms.get(roomId)
          const { dag } = room
          const visibility = dag.eventIn(dag.currentState(), "m.room.history_visibility", "")
          // §GET /rooms/{roomId}/aliases: for members, and for anybody where the room is world-readable.
          if (!isJoined(room, userId) && visibility?.content.history_visibility !== "world_readable")
            return yield* forbidden(`${userId} is not in the room`)
          return { aliases: aliases.ofRoom(roomId) }
        }),
      )
      .handle(
        "publish",
        Effect.fnUntraced(function* ({ params: { roomId }, payload: { visibility = "public" } }) {
          const { userId } = yield* Requester
          yield* acted(published.publish(userId, roomId, visibility === "public"))
          return {}
        }),
      )
      .handle("searchPublicRooms", ({ query: { server }, payload }) => page(server, payload))
  }),
)
