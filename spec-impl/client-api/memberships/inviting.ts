/** Inviting, as clients ask for it (client-server API §POST …/invite, §Third-party invites). */
import { Effect } from "effect"
import { isUserId } from "../../core/identifiers.ts"
import type { JsonObject } from "../../core/json/value.ts"
import { invalidParameter, MatrixError, missingParameter } from "../../federation/matrix-error.ts"
import { ThirdPartyInvites } from "../../federation/third-party-invites/third-party-invites.ts"
import { unsupportedRoomVersion } from "../../homeserver/failures.ts"
import { LocalUsers } from "../../homeserver/local-users.ts"
import { acted } from "../acted.ts"
import type { Invitation } from "./api.ts"

/** 400 M_INVALID_PARAM for what is no user's id. */
export const checkUserId = (userId: string): Effect.Effect<void, MatrixError> =>
  isUserId(userId) ? Effect.void : Effect.fail(invalidParameter(`${userId} is no user id`))

/** A server that does not know the room's version is not told of by its own error, which is for servers. */
const unsupportedThere = <E>(error: E): E | MatrixError =>
  error instanceof MatrixError && error.errcode === "M_INCOMPATIBLE_ROOM_VERSION"
    ? unsupportedRoomVersion("the user's server does not know the room's version")
    : error

/** Invites a user by its id. `more` is further content of the invite. */
export const inviteUser = Effect.fnUntraced(function* (
  sender: string,
  roomId: string,
  target: string,
  more: JsonObject,
) {
  const users = yield* LocalUsers
  yield* checkUserId(target)
  yield* acted(users.invite(sender, roomId, target, more)).pipe(Effect.mapError(unsupportedThere))
})

/** Invites whoever is reached at an address, which an identity server is asked for. */
export const inviteByAddress = Effect.fnUntraced(function* (
  sender: string,
  roomId: string,
  invitation: typeof Invitation.Type,
) {
  const invites = yield* ThirdPartyInvites
  const { id_server: name, id_access_token: accessToken, medium, address } = invitation
  if (name === undefined || accessToken === undefined || medium === undefined || address === undefined)
    return yield* missingParameter("an invite names a user, or an address and who knows it")
  yield* acted(invites.invite(sender, roomId, { medium, address }, { name, accessToken }))
})
