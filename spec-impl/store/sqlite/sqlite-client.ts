/** Effect's `SqlClient` on `sqlite3`: WAL, every commit on the disk before it is acknowledged. */
import { Effect, Layer, Semaphore } from "effect"
// Not the index of its folder, which loads the whole of HTTP and RPC: 60 ms of each command.
import * as Reactivity from "effect/reactivity/Reactivity"
import { SqlClient, type SqlConnection, SqlError, Statement } from "effect/sql"
import { openConnection, sqliteCode } from "./connection.ts"

export interface SqliteOptions {
  readonly filename: string
  /** For reading only: it sees what is committed, and does not wait for who writes. */
  readonly readOnly?: boolean
  /** How long a statement waits for a lock that another connection holds; 5 s by default. */
  readonly busyTimeoutMs?: number
}

export const busyTimeoutMsDefault = 5_000

/**
 * A client with one connection, which is closed with the scope.
 *
 * A statement holds the connection until SQLite has called back, a transaction until its end: what others do meanwhile
 * is in no transaction but their own. A writing client makes the file where there is none, in WAL mode with
 * `synchronous=FULL`, and asserts both. Fails with a `SqlError` that names the file.
 */
export const makeSqliteClient = Effect.fnUntraced(function* (options: SqliteOptions) {
  const { filename, readOnly = false, busyTimeoutMs = busyTimeoutMsDefault } = options
  const connection = yield* openConnection(filename, readOnly, busyTimeoutMs).pipe(
    Effect.tap((opened) => (readOnly ? Effect.void : makeDurable(opened))),
    Effect.mapError((error) => cannotOpen(filename, error)),
  )
  const semaphore = yield* Semaphore.make(1)
  return yield* SqlClient.make({
    ...SqlClient.makeSqliteAcquirers({ connection: Effect.succeed(connection), semaphore }),
    compiler: Statement.makeCompilerSqlite(),
    // A transaction that began by reading could not write any more once another has written.
    beginTransaction: readOnly ? "BEGIN" : "BEGIN IMMEDIATE",
    prepareTransactionControls: true,
    driver: "sqlite3",
    spanAttributes: [["db.system.name", "sqlite"]],
  })
}, Effect.provide(Reactivity.layer))

/** `makeSqliteClient` as the `SqlClient` of others. */
export const layerSqliteClient = (
  options: SqliteOptions,
): Layer.Layer<SqlClient.SqlClient, SqlError.SqlError> =>
  Layer.effect(SqlClient.SqlClient, makeSqliteClient(options))

const walBytesKept = 64 * 1024 * 1024
/** What comes in is looked up in indexes at random: those of a hundred thousand events stay in memory. */
const cacheKibibytes = 8 * 1024
/** Of the log, of four kibibytes each, until they are written to the database: many of them are one and the same. */
const pagesUntilCheckpoint = 4_000

const makeDurable = Effect.fnUntraced(function* (connection: SqlConnection.Connection) {
  const pragma = (text: string) =>
    Effect.map(connection.executeValues(`PRAGMA ${text}`, []), (rows) => rows[0]?.[0])
  yield* pragma("journal_mode = WAL")
  yield* pragma("synchronous = FULL")
  yield* pragma("foreign_keys = ON")
  yield* pragma(`journal_size_limit = ${walBytesKept}`)
  yield* pragma(`cache_size = -${cacheKibibytes}`)
  yield* pragma(`wal_autocheckpoint = ${pagesUntilCheckpoint}`)
  const modes = [yield* pragma("journal_mode"), yield* pragma("synchronous")]
  if (modes[0] === "wal" && modes[1] === 2) return
  const message = `journal_mode and synchronous are ${modes.join(" and ")}, and not wal and 2`
  return yield* new SqlError.SqlError({
    reason: new SqlError.ConnectionError({ message, cause: new Error(message), operation: "open" }),
  })
})

const cannotOpen = (filename: string, error: SqlError.SqlError): SqlError.SqlError => {
  const code = sqliteCode(error)
  const cause = Object.assign(new Error(`cannot open ${filename}: ${error.message}`), { code })
  return new SqlError.SqlError({
    reason: SqlError.classifySqliteError(cause, { message: cause.message, operation: "open" }),
  })
}
