/** What SQLite says, as the contract's typed failure. */
import { type Migrator, SqlError } from "effect/sql"
import { StoreFailure } from "../event-store.ts"
import { sqliteCode } from "./connection.ts"

const reasons: Readonly<Record<string, StoreFailure["reason"]>> = {
  SQLITE_FULL: "full",
  SQLITE_BUSY: "busy",
  SQLITE_LOCKED: "busy",
}

/** `detail` is SQLite's own text; of a migration, what SQLite said to it. */
export const storeFailureOf = (error: SqlError.SqlError | Migrator.MigrationError): StoreFailure => {
  if (error._tag === "SqlError") return ofSqlite(error)
  if (error.cause instanceof SqlError.SqlError) return ofSqlite(error.cause)
  return new StoreFailure({ reason: "broken", detail: error.message })
}

const ofSqlite = (error: SqlError.SqlError): StoreFailure =>
  new StoreFailure({ reason: reasons[sqliteCode(error) ?? ""] ?? "broken", detail: error.message })
