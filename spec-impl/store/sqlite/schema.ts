/**
 * The tables of the store, as migrations. Strings are kept as `writeText` writes them, values as `writeKept` does;
 * `data` is the JSON of a type of `event-store.ts`. `seq` is the order of commits, or of queueing.
 */
import type { Effect } from "effect"
import type { Migrator, SqlClient, SqlError } from "effect/sql"
import { type Migrations, migrateBy, statements } from "./migrations.ts"

const migrations: Migrations = {
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

/** Brings the tables up to date; fails where they are newer than this code. */
export const migrate: Effect.Effect<void, Migrator.MigrationError | SqlError.SqlError, SqlClient.SqlClient> =
  migrateBy(migrations)
