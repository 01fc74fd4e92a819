/**
 * The tables of the store, as migrations. Strings are kept as `writeText` writes them, values as `writeKept` does;
 * `data` is the JSON of a type of `event-store.ts`. `seq` is the order of commits, or of queueing.
 */
import { Effect } from "effect"
import { Migrator, SqlClient, type SqlError } from "effect/sql"

/** Each statement by itself: `sqlite3` runs one at a time. */
const statements = (...texts: readonly string[]) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.forEach(texts, (text) => sql.unsafe(text), { discard: true }),
  )

/** By number and name; what was released once is never changed, but followed by another. */
const migrations = {
  "1_store": statements(
    "CREATE TABLE rooms (room_id TEXT NOT NULL UNIQUE, room_version TEXT NOT NULL, extremities TEXT NOT NULL)",
    `CREATE TABLE events (seq INTEGER PRIMARY KEY, room_id TEXT NOT NULL, event_id TEXT NOT NULL,
       is_outlier INTEGER NOT NULL, data TEXT NOT NULL, UNIQUE (room_id, event_id))`,
    "CREATE TABLE states (digest TEXT NOT NULL UNIQUE, based_on TEXT, changes TEXT NOT NULL)",
    `CREATE TABLE queued_events (seq INTEGER PRIMARY KEY, destination TEXT NOT NULL, room_id TEXT NOT NULL,
       event_id TEXT NOT NULL, UNIQUE (destination, room_id, event_id))`,
    `CREATE TABLE queued_edus (seq INTEGER PRIMARY KEY, destination TEXT NOT NULL, id TEXT NOT NULL,
       data TEXT NOT NULL, UNIQUE (destination, id))`,
    "CREATE TABLE in_flight (destination TEXT NOT NULL UNIQUE, data TEXT NOT NULL)",
    `CREATE TABLE outside (user_id TEXT NOT NULL, room_id TEXT NOT NULL, data TEXT NOT NULL,
       UNIQUE (user_id, room_id))`,
    `CREATE TABLE records (collection TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
       UNIQUE (collection, key))`,
    `CREATE TABLE blobs (collection TEXT NOT NULL, key TEXT NOT NULL, bytes BLOB NOT NULL,
       UNIQUE (collection, key))`,
    `CREATE TABLE answers (origin TEXT NOT NULL, transaction_id TEXT NOT NULL, answer TEXT NOT NULL,
       answered_ts INTEGER NOT NULL, UNIQUE (origin, transaction_id))`,
    "CREATE INDEX answers_by_ts ON answers (answered_ts)",
  ),
}

const newest = Math.max(...Object.keys(migrations).map((name) => Number.parseInt(name, 10)))

/**
 * Brings the tables up to date, each migration in one transaction with the record that it was made. Fails where they
 * are newer than this code, which would read them wrong.
 */
export const migrate: Effect.Effect<void, Migrator.MigrationError | SqlError.SqlError, SqlClient.SqlClient> =
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const table = "migrations"
    yield* Migrator.make({})({ loader: Migrator.fromRecord(migrations), table })
    const [row] = yield* sql<{ readonly id: number }>`SELECT max(migration_id) AS id FROM ${sql(table)}`
    if (row === undefined || row.id <= newest) return
    return yield* new Migrator.MigrationError({
      kind: "BadState",
      message: `it is of a newer netsplit (version ${row.id}; this one knows ${newest}): run that one`,
    })
  })
