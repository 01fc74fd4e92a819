/** Tables by migrations: a store's own, and those of results. */
import { Effect } from "effect"
import { Migrator, SqlClient, type SqlError } from "effect/sql"

/** By number and name, as `1_store`; what was released once is never changed, but followed by another. */
export type Migrations = Readonly<Record<string, Effect.Effect<void, SqlError.SqlError, SqlClient.SqlClient>>>

const table = "migrations"

/** Each statement by itself: `sqlite3` runs one at a time. */
export const statements = (...texts: readonly string[]): Migrations[string] =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.forEach(texts, (text) => sql.unsafe(text), { discard: true }),
  )

/** The number of the last one. */
export const newestOf = (migrations: Migrations): number =>
  Math.max(...Object.keys(migrations).map((name) => Number.parseInt(name, 10)))

/** The number of the last migration that was made in a database; 0 where there was none. */
export const versionOf = (sql: SqlClient.SqlClient): Effect.Effect<number, SqlError.SqlError> =>
  Effect.map(
    sql<{ readonly id: number | null }>`SELECT max(migration_id) AS id FROM ${sql(table)}`,
    ([row]) => row?.id ?? 0,
  )

/**
 * Brings the tables up to date, each migration in one transaction with the record that it was made. Fails where they
 * are newer than this code, which would read them wrong.
 */
export const migrateBy = (
  migrations: Migrations,
): Effect.Effect<void, Migrator.MigrationError | SqlError.SqlError, SqlClient.SqlClient> =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* Migrator.make({})({ loader: Migrator.fromRecord(migrations), table })
    const version = yield* versionOf(sql)
    const newest = newestOf(migrations)
    if (version <= newest) return
    return yield* new Migrator.MigrationError({
      kind: "BadState",
      message: `it is of a newer netsplit (version ${version}; this one knows ${newest}): run that one`,
    })
  })
