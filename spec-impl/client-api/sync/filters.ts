/** Filters that clients have left here (client-server API §Filtering). */
import { Context, Effect, Layer } from "effect"
import { encodeBase64Url } from "../../core/base64.ts"
import { sha256 } from "../../core/hash.ts"
import { canonicalJson } from "../../core/json/encode.ts"
import { isJsonObject, type JsonObject } from "../../core/json/value.ts"
import { readJson } from "../../federation/json-body.ts"
import { badJson, invalidParameter, type MatrixError, notFound } from "../../federation/matrix-error.ts"
import { EventStore, type StoreFailure } from "../../store/event-store.ts"
import { readSyncFilter, type SyncFilter } from "./sync-filter.ts"

const collection = "filters"
const utf8 = new TextEncoder()

export class Filters extends Context.Service<
  Filters,
  {
    /** Keeps a filter, and gives its id: of the same filter the same. 400 M_BAD_JSON for what is none. */
    readonly add: (userId: string, filter: JsonObject) => Effect.Effect<string, MatrixError | StoreFailure>
    /** 404 where the user has left no such filter. */
    readonly get: (userId: string, filterId: string) => Effect.Effect<JsonObject, MatrixError>
    /** The filter that a sync names, or says in JSON; nothing said wants everything. */
    readonly read: (userId: string, given: string | undefined) => Effect.Effect<SyncFilter, MatrixError>
  }
>()("netsplit/client-api/Filters") {
  /** Takes up what the store keeps. */
  static readonly layer = Layer.effect(
    Filters,
    Effect.gen(function* () {
      const store = yield* EventStore
      const filters = new Map<string, JsonObject>()
      for (const [key, filter] of yield* store.records(collection)) {
        if (isJsonObject(filter)) filters.set(key, filter)
      }

      const keyOf = (userId: string, filterId: string): string => JSON.stringify([userId, filterId])

      const get = (userId: string, filterId: string): Effect.Effect<JsonObject, MatrixError> => {
        const filter = filters.get(keyOf(userId, filterId))
        return filter === undefined
          ? Effect.fail(notFound(`there is no filter ${filterId}`))
          : Effect.succeed(filter)
      }

      return Filters.of({
        add: Effect.fnUntraced(function* (userId, filter) {
          if (readSyncFilter(filter) === undefined) return yield* badJson("that is no filter")
          const filterId = encodeBase64Url(sha256(utf8.encode(canonicalJson(filter)))).slice(0, 22)
          const key = keyOf(userId, filterId)
          if (!filters.has(key)) yield* store.commit({ records: [{ collection, key, value: filter }] })
          filters.set(key, filter)
          return filterId
        }),
        get,
        read: Effect.fnUntraced(function* (userId, given = "{}") {
          // §GET /sync: JSON begins with a brace, which no id does.
          const json = given.startsWith("{") ? readJson(utf8.encode(given)) : yield* get(userId, given)
          const filter = isJsonObject(json ?? null) ? readSyncFilter(json as JsonObject) : undefined
          return filter ?? (yield* invalidParameter("that is no filter"))
        }),
      })
    }),
  )
}
