/** The contract of `EventStore` on SQLite: one connection writes, another reads, a third reads what is waited for. */
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import type { Scratch } from "../../core/paging/pages.ts"
import { EventStore, StoreFailure } from "../event-store.ts"
import { storeFailureOf } from "./failure.ts"
import { makeGroupCommit } from "./group-commit.ts"
import { writeText } from "./kept-json.ts"
import { makeReadNow } from "./read-now.ts"
import { eventOf, makeReads } from "./reads.ts"
import { changeDefinitions, writePdus } from "./rows.ts"
import { migrate } from "./schema.ts"
import { makeScratchFile } from "./scratch-file.ts"
import { busyTimeoutMsDefault, makeSqliteClient, type SqliteOptions } from "./sqlite-client.ts"

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
  const { filename, busyTimeoutMs = busyTimeoutMsDefault } = options
  return yield* storeOn(
    writer,
    yield* open({ readOnly: true }),
    yield* makeReadNow(filename, busyTimeoutMs),
    yield* makeScratchFile(`${filename}-scratch`),
  )
})

/**
 * The store on a client that writes, whose tables are up to date and whom nobody else uses, one that reads, one for
 * which all else waits, and a place for what is not kept.
 */
export const storeOn = Effect.fnUntraced(function* (
  writer: SqlClient.SqlClient,
  reader: SqlClient.SqlClient,
  readNow: Effect.Success<ReturnType<typeof makeReadNow>>,
  scratch: Scratch,
) {
  const connection = yield* Effect.mapError(prepared(writer), storeFailureOf)
  return EventStore.of({
    commit: yield* makeGroupCommit(connection),
    prepare: writePdus,
    ...makeReads(reader),
    eventsNow: (roomId, eventIds) => readNow(writeText(roomId), eventIds.map(writeText)).map(eventOf),
    scratch,
  })
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
