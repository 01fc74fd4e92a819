/** Client-server API §Profiles: the receiving half. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { utf8Length } from "../../core/identifiers.ts"
import type { JsonObject, JsonValue } from "../../core/json/value.ts"
import { profileFieldBytesMax } from "../../core/limits.ts"
import {
  invalidParameter,
  keyTooLarge,
  type MatrixError,
  missingParameter,
  notFound,
  profileTooLarge,
} from "../../federation/matrix-error.ts"
import { parseContentUri } from "../../federation/media/content-uri.ts"
import { Profiles } from "../../federation/queries/profiles.ts"
import { Accounts } from "../accounts/accounts.ts"
import { acted } from "../acted.ts"
import { ClientApi } from "../api.ts"
import { ownId } from "../own.ts"

export const ProfilesReceive = HttpApiBuilder.group(
  ClientApi,
  "profiles",
  Effect.fnUntraced(function* (handlers) {
    const profiles = yield* Profiles
    const accounts = yield* Accounts

    /** A user of this server that has said nothing of itself, and is in no room, is there all the same. */
    const profileOf = (userId: string): Effect.Effect<JsonObject, MatrixError> =>
      Effect.catch(acted(profiles.lookUp(userId)), (error) =>
        error.errcode === "M_NOT_FOUND" && accounts.has(userId) ? Effect.succeed({}) : Effect.fail(error),
      )

    return handlers
      .handle("profile", ({ params: { userId } }) => profileOf(userId))
      .handle("field", ({ params: { userId, field } }) =>
        Effect.flatMap(profileOf(userId), (profile) =>
          Object.hasOwn(profile, field)
            ? Effect.succeed({ [field]: profile[field]! })
            : Effect.fail(notFound(`${userId} has no ${field}`)),
        ),
      )
  }),
)

export const OwnProfileReceive = HttpApiBuilder.group(
  ClientApi,
  "ownProfile",
  Effect.fnUntraced(function* (handlers) {
    const profiles = yield* Profiles

    const set = (userId: string, field: string, value: JsonValue) =>
      acted(profiles.set(userId, field, value)).pipe(
        Effect.mapError((error) => (error.errcode === "M_TOO_LARGE" ? profileTooLarge(error.error) : error)),
      )

    return handlers
      .handle(
        "setField",
        Effect.fnUntraced(function* ({ params: { userId, field }, payload }) {
          yield* ownId(userId)
          yield* checkName(field)
          if (!Object.hasOwn(payload, field)) return yield* missingParameter(`the body has no ${field}`)
          const value = payload[field]!
          yield* checkValue(field, value)
          yield* set(userId, field, value)
          return {}
        }),
      )
      .handle(
        "removeField",
        Effect.fnUntraced(function* ({ params: { userId, field } }) {
          yield* ownId(userId)
          yield* checkName(field)
          yield* set(userId, field, null)
          return {}
        }),
      )
  }),
)

/** §PUT /profile/{userId}/{keyName}: the names that the specification has, and those of the namespaced grammar. */
const checkName = (field: string): Effect.Effect<void, MatrixError> => {
  if (utf8Length(field) > profileFieldBytesMax)
    return Effect.fail(keyTooLarge(`a field's name has at most ${profileFieldBytesMax} bytes`))
  return /^(avatar_url|displayname|m\.tz|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+)$/.test(field)
    ? Effect.void
    : Effect.fail(invalidParameter(`${field} is no name of a profile's field`))
}

/** Null is refused, as servers may: a field is removed by DELETE. An empty `avatar_url` is how clients took it back. */
const checkValue = (field: string, value: JsonValue): Effect.Effect<void, MatrixError> => {
  const isText = typeof value === "string"
  const isGood =
    field === "avatar_url"
      ? isText && (value === "" || parseContentUri(value) !== undefined)
      : field === "displayname" || field === "m.tz"
        ? isText
        : value !== null
  return isGood ? Effect.void : Effect.fail(invalidParameter(`that is no ${field}`))
}
