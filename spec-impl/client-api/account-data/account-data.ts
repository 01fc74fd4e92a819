/** What clients keep here for their user (client-server API §Client Config), of a room or of none. */
import { Context, Effect, Layer, Semaphore } from "effect"
import { compareCodePoints } from "../../core/json/encode.ts"
import { isJsonObject, type JsonObject } from "../../core/json/value.ts"
import { Changes } from "../../homeserver/changes.ts"
import { EventStore, type StoreFailure } from "../../store/event-store.ts"

const collection = "account-data"

export class AccountData extends Context.Service<
  AccountData,
  {
    /** Keeps the content under that type; `roomId` is "" for what is of no room. */
    readonly set: (
      userId: string,
      roomId: string,
      type: string,
      content: JsonObject,
    ) => Effect.Effect<void, StoreFailure>
    /** Changes what is kept under that type by what is kept there now, undefined if nothing is. */
    readonly update: (
      userId: string,
      roomId: string,
      type: string,
      edit: (content: JsonObject | undefined) => JsonObject,
    ) => Effect.Effect<void, StoreFailure>
    /** Undefined where nothing was ever kept. */
    readonly get: (userId: string, roomId: string, type: string) => JsonObject | undefined
    /** All of one room, or of none, by type in code-point order. */
    readonly all: (
      userId: string,
      roomId: string,
    ) => readonly (readonly [type: string, content: JsonObject])[]
  }
>()("netsplit/client-api/AccountData") {
  /** Takes up what the store keeps. */
  static readonly layer = Layer.effect(
    AccountData,
    Effect.gen(function* () {
      const store = yield* EventStore
      const changes = yield* Changes
      /** By user and room, then by type. */
      const kept = new Map<string, Map<string, JsonObject>>()

      const typesOf = (userId: string, roomId: string): Map<string, JsonObject> => {
        const key = JSON.stringify([userId, roomId])
        const known = kept.get(key) ?? new Map<string, JsonObject>()
        kept.set(key, known)
        return known
      }
      for (const [key, content] of yield* store.records(collection)) {
        const [userId, roomId, type] = JSON.parse(key)
        if (isJsonObject(content)) typesOf(userId, roomId).set(type, content)
      }

      const writing = Semaphore.makeUnsafe(1)
      const update: AccountData["Service"]["update"] = Effect.fnUntraced(
        function* (userId, roomId, type, edit) {
          const content = edit(get(userId, roomId, type))
          const key = JSON.stringify([userId, roomId, type])
          yield* store.commit({ records: [{ collection, key, value: content }] })
          typesOf(userId, roomId).set(type, content)
          changes.note("accountData", userId, roomId, type)
        },
        (effect) => Semaphore.withPermits(writing, 1)(Effect.uninterruptible(effect)),
      )

      const get: AccountData["Service"]["get"] = (userId, roomId, type) =>
        kept.get(JSON.stringify([userId, roomId]))?.get(type)

      return AccountData.of({
        set: (userId, roomId, type, content) => update(userId, roomId, type, () => content),
        update,
        get,
        all: (userId, roomId) =>
          [...(kept.get(JSON.stringify([userId, roomId])) ?? [])].sort(([one], [other]) =>
            compareCodePoints(one, other),
          ),
      })
    }),
  )
}
