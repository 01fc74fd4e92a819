/** Names of rooms (server-server API §Querying for information; client-server API §Room aliases). */
import { Context, Effect, Layer } from "effect"
import { PowerLevels } from "../../core/auth-rules/power-levels.ts"
import { domainOf, isRoomAlias } from "../../core/identifiers.ts"
import { compareCodePoints } from "../../core/json/encode.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { Rooms } from "../../homeserver/rooms.ts"
import { isJoined, serversIn } from "../../homeserver/shared-rooms.ts"
import { EventStore, type StoreFailure } from "../../store/event-store.ts"
import { FederationClient, type FederationUnreachable } from "../client.ts"
import { conflict, forbidden, invalidParameter, type MatrixError, notFound } from "../matrix-error.ts"

const collection = "aliases"

/** Where an alias leads, and the servers by which one can go there. */
export interface AliasTarget {
  readonly room_id: string
  readonly servers: readonly string[]
}

export class Aliases extends Context.Service<
  Aliases,
  {
    /** A member of the room gives it a name of this server; 409 where the name is taken. */
    readonly create: (
      userId: string,
      alias: string,
      roomId: string,
    ) => Effect.Effect<void, MatrixError | StoreFailure>
    /** By whoever made it, or has the power to set the room's canonical alias. */
    readonly remove: (userId: string, alias: string) => Effect.Effect<void, MatrixError | StoreFailure>
    /** What this server's aliases of one room lead to from now on. Gives whether there were any. */
    readonly move: (from: string, to: string) => Effect.Effect<boolean, StoreFailure>
    /** This server's aliases of a room, by code point. */
    readonly ofRoom: (roomId: string) => readonly string[]
    /** An alias of this server; 404 for what is none. */
    readonly resolveLocal: (alias: string) => Effect.Effect<AliasTarget, MatrixError>
    /** Any alias: asked of its server. */
    readonly resolve: (alias: string) => Effect.Effect<AliasTarget, MatrixError | FederationUnreachable>
  }
>()("netsplit/Aliases") {
  /** Takes up what the store keeps. */
  static readonly layer = Layer.effect(
    Aliases,
    Effect.gen(function* () {
      const store = yield* EventStore
      const rooms = yield* Rooms
      const client = yield* FederationClient
      const { serverName } = yield* ServerIdentity
      const aliases = new Map<string, { readonly roomId: string; readonly creator: string }>()
      for (const [alias, target] of yield* store.records(collection)) {
        aliases.set(alias, target as { readonly roomId: string; readonly creator: string })
      }

      const resolveLocal = (alias: string): Effect.Effect<AliasTarget, MatrixError> => {
        const target = aliases.get(alias)
        const room = target === undefined ? undefined : rooms.find(target.roomId)
        if (target === undefined || room === undefined)
          return Effect.fail(notFound(`there is no alias ${alias}`))
        const others = [...serversIn(room)].filter((server) => server !== serverName).sort()
        return Effect.succeed({ room_id: target.roomId, servers: [serverName, ...others] })
      }

      const mayRemove = (
        userId: string,
        { roomId, creator }: { roomId: string; creator: string },
      ): boolean => {
        const dag = rooms.find(roomId)?.dag
        if (creator === userId || dag === undefined) return creator === userId
        const powerLevels = dag.eventIn(dag.currentState(), "m.room.power_levels", "")
        const levels = new PowerLevels(powerLevels, dag.create(), dag.rules.version)
        return levels.ofUser(userId) >= levels.required("m.room.canonical_alias", true)
      }

      return Aliases.of({
        create: Effect.fnUntraced(function* (userId, alias, roomId) {
          if (!isRoomAlias(alias) || domainOf(alias) !== serverName) {
            return yield* invalidParameter(`${alias} is no alias of ${serverName}`)
          }
          const room = yield* rooms.get(roomId)
          if (!isJoined(room, userId)) return yield* forbidden(`${userId} is not in the room`)
          if (aliases.has(alias)) return yield* conflict(`${alias} is taken`)
          const target = { roomId, creator: userId }
          // Taken at once: two who ask for one name at one time must not both get it.
          aliases.set(alias, target)
          yield* store.commit({ records: [{ collection, key: alias, value: target }] }).pipe(
            Effect.onError(() => Effect.sync(() => aliases.delete(alias))),
            Effect.uninterruptible,
          )
        }),
        remove: Effect.fnUntraced(function* (userId, alias) {
          const target = aliases.get(alias)
          if (target === undefined) return yield* notFound(`there is no alias ${alias}`)
          if (!mayRemove(userId, target)) return yield* forbidden(`${alias} is another user's`)
          yield* store.commit({ records: [{ collection, key: alias, value: null }] })
          aliases.delete(alias)
        }, Effect.uninterruptible),
        move: Effect.fnUntraced(function* (from, to) {
          const moved = [...aliases].flatMap(([alias, { roomId, creator }]) =>
            roomId === from ? [[alias, { roomId: to, creator }] as const] : [],
          )
          if (moved.length === 0) return false
          yield* store.commit({ records: moved.map(([key, value]) => ({ collection, key, value })) })
          for (const [alias, target] of moved) aliases.set(alias, target)
          return true
        }, Effect.uninterruptible),
        ofRoom: (roomId) =>
          [...aliases]
            .flatMap(([alias, target]) => (target.roomId === roomId ? [alias] : []))
            .sort(compareCodePoints),
        resolveLocal,
        resolve: Effect.fnUntraced(function* (alias) {
          const server = isRoomAlias(alias) ? domainOf(alias) : undefined
          if (server === undefined) return yield* invalidParameter(`${alias} is no alias`)
          if (server === serverName) return yield* resolveLocal(alias)
          return yield* client.call(server, (api) => api.queries.directory({ query: { room_alias: alias } }))
        }),
      })
    }),
  )
}
