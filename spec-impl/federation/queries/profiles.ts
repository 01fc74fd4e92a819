/** What users say of themselves (server-server API §Querying for information; client-server API §Profiles). */
import { Clock, Context, Effect, Layer } from "effect"
import { domainOf } from "../../core/identifiers.ts"
import { canonicalJsonBytes } from "../../core/json/encode.ts"
import { isJsonObject, type JsonObject, type JsonValue } from "../../core/json/value.ts"
import { profileBytesMax, profileFieldBytesMax } from "../../core/limits.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { LocalUsers } from "../../homeserver/local-users.ts"
import { Rooms } from "../../homeserver/rooms.ts"
import { Settings } from "../../homeserver/settings.ts"
import { roomsOf } from "../../homeserver/shared-rooms.ts"
import { EventStore, type StoreFailure } from "../../store/event-store.ts"
import { FederationClient, type FederationUnreachable } from "../client.ts"
import { forbidden, invalidParameter, type MatrixError, notFound, tooLarge } from "../matrix-error.ts"

const collection = "profiles"
/** How long what another server said is believed, and of how many users. */
const keptMs = 5 * 60_000
const keptUsersMax = 1_000
/** Fields that stand in a user's member events too. */
const memberFields = ["displayname", "avatar_url"]

type Failure = MatrixError | FederationUnreachable

export class Profiles extends Context.Service<
  Profiles,
  {
    /** A user of this server says something of itself, or takes it back: null. Its rooms are told of name and picture. */
    readonly set: (
      userId: string,
      field: string,
      value: JsonValue,
    ) => Effect.Effect<void, Failure | StoreFailure>
    /** A user of this server: all fields, or the one; 404 where there is no such user or field, 403 where profiles are not told. */
    readonly ofLocal: (userId: string, field?: string) => Effect.Effect<JsonObject, MatrixError>
    /** Any user: asked of its server, and kept for a while. */
    readonly lookUp: (userId: string) => Effect.Effect<JsonObject, Failure>
  }
>()("netsplit/Profiles") {
  /** Takes up what the store keeps. */
  static readonly layer = Layer.effect(
    Profiles,
    Effect.gen(function* () {
      const store = yield* EventStore
      const rooms = yield* Rooms
      const users = yield* LocalUsers
      const client = yield* FederationClient
      const { serverName } = yield* ServerIdentity
      const { answersProfileQueries } = yield* Settings
      const profiles = new Map<string, JsonObject>()
      const kept = new Map<string, { readonly profile: JsonObject; readonly untilMs: number }>()
      for (const [userId, profile] of yield* store.records(collection)) {
        if (isJsonObject(profile)) profiles.set(userId, profile)
      }

      /** A user is one who has said something of itself, or is in a room. */
      const exists = (userId: string): boolean =>
        domainOf(userId) === serverName && (profiles.has(userId) || roomsOf(rooms, userId).length > 0)

      const ofLocal = (userId: string, field?: string): Effect.Effect<JsonObject, MatrixError> => {
        if (!answersProfileQueries) return Effect.fail(forbidden("profiles are not told to other servers"))
        if (!exists(userId)) return Effect.fail(notFound(`there is no user ${userId}`))
        const profile = profiles.get(userId) ?? {}
        if (field === undefined) return Effect.succeed(profile)
        return Object.hasOwn(profile, field)
          ? Effect.succeed({ [field]: profile[field]! })
          : Effect.fail(notFound(`${userId} has no ${field}`))
      }

      /** Tells the user's rooms, by a join anew. */
      const tellRooms = Effect.fnUntraced(function* (userId: string, profile: JsonObject) {
        const told = Object.fromEntries(
          memberFields.flatMap((field) => (Object.hasOwn(profile, field) ? [[field, profile[field]!]] : [])),
        )
        for (const { roomId, dag } of roomsOf(rooms, userId)) {
          const before = dag.eventIn(dag.currentState(), "m.room.member", userId)?.content ?? {}
          const rest = Object.fromEntries(
            Object.entries(before).filter(([key]) => !memberFields.includes(key)),
          )
          yield* users.setState(userId, roomId, "m.room.member", userId, { ...rest, ...told })
        }
      })

      const set = Effect.fnUntraced(function* (userId: string, field: string, value: JsonValue) {
        if (domainOf(userId) !== serverName)
          return yield* forbidden(`${userId} is not a user of ${serverName}`)
        if (new TextEncoder().encode(field).length > profileFieldBytesMax) {
          return yield* invalidParameter(`the field's name is longer than ${profileFieldBytesMax} bytes`)
        }
        const { [field]: before, ...others } = profiles.get(userId) ?? {}
        const profile = value === null ? others : { ...others, [field]: value }
        if (canonicalJsonBytes(profile).length > profileBytesMax) {
          return yield* tooLarge(`a profile has at most ${profileBytesMax} bytes`)
        }
        yield* store
          .commit({ records: [{ collection, key: userId, value: profile }] })
          .pipe(Effect.andThen(Effect.sync(() => profiles.set(userId, profile))), Effect.uninterruptible)
        if (memberFields.includes(field) && before !== value) yield* tellRooms(userId, profile)
      })

      const keep = (userId: string, profile: JsonObject, untilMs: number): void => {
        kept.delete(userId)
        kept.set(userId, { profile, untilMs })
        const [oldest] = kept.keys()
        if (kept.size > keptUsersMax && oldest !== undefined) kept.delete(oldest)
      }

      const lookUp = Effect.fnUntraced(function* (userId: string) {
        const server = domainOf(userId)
        if (server === undefined) return yield* invalidParameter(`${userId} is no user id`)
        if (server === serverName) return yield* ofLocal(userId)
        const nowMs = yield* Clock.currentTimeMillis
        const known = kept.get(userId)
        if (known !== undefined && known.untilMs > nowMs) return known.profile
        const profile = yield* client.call(server, (api) =>
          api.queries.profile({ query: { user_id: userId } }),
        )
        keep(userId, profile, nowMs + keptMs)
        return profile
      })

      return Profiles.of({ set, ofLocal, lookUp })
    }),
  )
}
