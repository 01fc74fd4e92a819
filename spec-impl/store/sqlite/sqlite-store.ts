/** The contract of `EventStore` on SQLite: one connection writes, another reads. */
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { EventStore, StoreFailure } from "../event-store.ts"
import { storeFailureOf } from "./failure.ts"
import { makeGroupCommit } from "./group-commit.ts"
import { makeReads } from "./reads.ts"
import { changeDefinitions } from "./rows.ts"
import { migrate } from "./schema.ts"
import { makeSqliteClient, type SqliteOptions } from "./sqlite-client.ts"

/**
 * The store in a file, which is made where there is none; both connections are closed with the scope.
 *
 * Fails with one line that names the file where it cannot be used: not there and not to be made, no database, damaged,
 * locked by another for too long, or of a newer netsplit.
 */
export const makeSqliteStore = Effect.fnUntraced(function* (options: Omit<SqliteOptions, "readOnly">) {
  const open = (more: Partial<SqliteOptions>) =>
    Effect.mapError(makeSqliteClient({ ...options, ...more }), storeFailureOf)
  const writer = yield* open({})
  yield* migrate.pipe(
    Effect.provideService(SqlClient.SqlClient, writer),
    Effect.mapError((error) => {
      const { reason, detail } = storeFailureOf(error)
      return new StoreFailure({ reason, detail: `cannot use ${options.filename}: ${detail}` })
    }),
  )
  return yield* storeOn(writer, yield* open({ readOnly: true }))
})

/** The store on a client that writes, whose tables are up to date and whom nobody else uses, and one that reads. */
export const storeOn = Effect.fnUntraced(function* (
  writer: SqlClient.SqlClient,
  reader: SqlClient.SqlClient,
) {
  const connection = yield* Effect.mapError(prepared(writer), storeFailureOf)
  return EventStore.of({ commit: makeGroupCommit(connection), ...makeReads(reader) })
})

/** The connection of a client, for good, with what commits need. */
const prepared = Effect.fnUntraced(function* (writer: SqlClient.SqlClient) {
  const connection = yield* writer.reserve
  for (const definition of changeDefinitions) yield* connection.execute(definition, [], undefined)
  return connection
})

/** `makeSqliteStore` as a layer. */
export const layerSqliteStore = (
  options: Omit<SqliteOptions, "readOnly">,
): Layer.Layer<EventStore, StoreFailure> => Layer.effect(EventStore, makeSqliteStore(options))
