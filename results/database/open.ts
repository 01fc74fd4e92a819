/** Opens the results database. */
import { Data, Effect, type Scope } from "effect"
import { type Migrator, SqlClient, SqlError } from "effect/sql"
import { migrateBy, newestOf, versionOf } from "#spec-impl/store/sqlite/migrations.ts"
import { makeSqliteClient } from "#spec-impl/store/sqlite/sqlite-client.ts"
import { migrations } from "./schema.ts"

/** The file cannot be used: one line that says which, and why. */
export class ResultsFailure extends Data.TaggedError("ResultsFailure")<{ readonly message: string }> {}

/** A sweep on every core, and each command beside it, wait for each other rather than lose a row. */
const busyTimeoutMs = 30_000

const failureOf =
  (filename: string) =>
  (error: SqlError.SqlError | Migrator.MigrationError | ResultsFailure): ResultsFailure => {
    if (error._tag === "ResultsFailure") return error
    const inner = error._tag === "MigrationError" && SqlError.isSqlError(error.cause) ? error.cause : error
    const why = inner.message.replace(`cannot open ${filename}: `, "")
    return new ResultsFailure({ message: `${filename}: ${why}` })
  }

/** The tables that there are; the migrator makes one of its own, before all others. */
const tablesOf = (sql: SqlClient.SqlClient): Effect.Effect<readonly string[], SqlError.SqlError> =>
  Effect.map(
    sql<{
      readonly name: string
    }>`SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'migrations'`,
    (rows) => rows.map(({ name }) => name),
  )

/** Whether it has our tables as this code has them. */
const isCurrent = Effect.fnUntraced(function* (sql: SqlClient.SqlClient) {
  return (yield* tablesOf(sql)).includes("commands") && (yield* versionOf(sql)) === newestOf(migrations)
})

/**
 * Opens a file for writing, which is made where there is none, and brings its tables up to date. It is closed with the
 * scope. Fails with a `ResultsFailure`, also where the file is of a newer netsplit, or has other tables.
 */
export const openForWriting = (
  filename: string,
): Effect.Effect<SqlClient.SqlClient, ResultsFailure, Scope.Scope> =>
  Effect.gen(function* () {
    const sql = yield* makeSqliteClient({ filename, busyTimeoutMs })
    if (yield* isCurrent(sql)) return sql
    const found = yield* tablesOf(sql)
    if (found.length > 0 && !found.includes("commands")) {
      return yield* new ResultsFailure({ message: `${filename}: it is a database of something else` })
    }
    yield* migrateBy(migrations).pipe(Effect.provideService(SqlClient.SqlClient, sql))
    return sql
  }).pipe(Effect.mapError(failureOf(filename)))

/**
 * Opens a file for reading, and one of an older netsplit for writing, so that it is brought up to date. It is closed
 * with the scope. Fails with a `ResultsFailure`.
 */
export const openForReading = (
  filename: string,
): Effect.Effect<SqlClient.SqlClient, ResultsFailure, Scope.Scope> =>
  Effect.gen(function* () {
    const sql = yield* makeSqliteClient({ filename, readOnly: true, busyTimeoutMs })
    return (yield* isCurrent(sql)) ? sql : undefined
  }).pipe(
    Effect.mapError(failureOf(filename)),
    Effect.flatMap((sql) => (sql === undefined ? openForWriting(filename) : Effect.succeed(sql))),
  )
