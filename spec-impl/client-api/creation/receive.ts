/** Client-server API §Creation, §Room upgrades: the receiving half. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { isRoomAlias } from "../../core/identifiers.ts"
import { roomVersionDefault } from "../../core/room-version.ts"
import { PublishedRooms } from "../../federation/directory/published-rooms.ts"
import {
  invalidParameter,
  invalidRoomState,
  type MatrixError,
  roomInUse,
} from "../../federation/matrix-error.ts"
import { Aliases } from "../../federation/queries/aliases.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { LocalUsers } from "../../homeserver/local-users.ts"
import { versionToMake } from "../../homeserver/room-creation.ts"
import { acted } from "../acted.ts"
import { ClientApi } from "../api.ts"
import { Requester } from "../client-endpoint.ts"
import { checkUserId, inviteByAddress, inviteUser } from "../memberships/inviting.ts"
import { profileContent } from "../memberships/profile-content.ts"
import { roomOfRequester } from "../room-of-requester.ts"
import type { RoomRequest } from "./api.ts"
import { wishesOf } from "./wishes.ts"

/** The alias that is asked for, if any: 400 for what can be none, and for one that is taken. */
const aliasOf = Effect.fnUntraced(function* ({ room_alias_name: localpart }: typeof RoomRequest.Type) {
  if (localpart === undefined) return undefined
  const { serverName } = yield* ServerIdentity
  const aliases = yield* Aliases
  const alias = `#${localpart}:${serverName}`
  if (localpart === "" || /[:\s]/.test(localpart) || !isRoomAlias(alias))
    return yield* invalidParameter(`${localpart} can be no alias`)
  const taken = yield* Effect.option(aliases.resolveLocal(alias))
  return taken._tag === "None" ? alias : yield* roomInUse(`${alias} is taken`)
})

/** What the rules forbid of a room's first events is a fault of what was asked for. */
const asFirstState = (error: MatrixError): MatrixError => {
  if (error.status === 403) return invalidRoomState(error.error)
  return error.status === 409 ? roomInUse(error.error) : error
}

const createRoom = Effect.fnUntraced(function* (request: typeof RoomRequest.Type) {
  const { userId } = yield* Requester
  const users = yield* LocalUsers
  const publishedRooms = yield* PublishedRooms
  const version = yield* versionToMake(request.room_version ?? roomVersionDefault.id)
  const { invite = [], invite_3pid: addresses = [] } = request
  yield* Effect.forEach(invite, checkUserId, { discard: true })
  const alias = yield* aliasOf(request)
  const wishes = wishesOf(userId, request, version, yield* profileContent(userId), alias)
  const roomId = yield* acted(users.createRoom(userId, wishes)).pipe(Effect.mapError(asFirstState))
  if (request.visibility === "public") yield* acted(publishedRooms.publish(userId, roomId, true))
  const more = request.is_direct === true ? { is_direct: true } : {}
  for (const target of invite) yield* inviteUser(userId, roomId, target, more)
  for (const invitation of addresses) yield* inviteByAddress(userId, roomId, invitation)
  return { room_id: roomId }
})

export const CreationReceive = HttpApiBuilder.group(ClientApi, "creation", (handlers) =>
  handlers
    .handle("createRoom", ({ payload }) => createRoom(payload))
    .handle("upgrade", ({ params: { roomId }, payload }) =>
      Effect.gen(function* () {
        const { userId } = yield* Requester
        const users = yield* LocalUsers
        yield* roomOfRequester(roomId)
        const additionalCreators = payload.additional_creators ?? []
        yield* Effect.forEach(additionalCreators, checkUserId, { discard: true })
        const replacement = yield* acted(
          users.upgradeRoom(userId, roomId, payload.new_version, { additionalCreators }),
        )
        return { replacement_room: replacement }
      }),
    ),
)
