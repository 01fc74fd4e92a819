/** One connection to an SQLite database by `sqlite3`, whose callbacks become effects. */
import { Effect, Stream } from "effect"
import { type SqlConnection, SqlError } from "effect/sql"
import sqlite3 from "sqlite3"

/** Enough for every statement of a chapter; those beyond are prepared anew. */
const preparedMax = 128

/** An effect of the callback that a method of `sqlite3` ends with. Whoever waits for it is not interrupted. */
const fromCallback = <A>(
  operation: string,
  start: (done: (error: Error | null, value?: A) => void) => void,
): Effect.Effect<A, SqlError.SqlError> =>
  Effect.uninterruptible(
    Effect.callback((resume) =>
      start((error, value) =>
        resume(error === null ? Effect.succeed(value as A) : Effect.fail(sqlErrorOf(error, operation))),
      ),
    ),
  )

/** The typed error of one of `sqlite3`, which stays as its cause: its `code` is SQLite's own, `SQLITE_FULL`. */
const sqlErrorOf = (cause: Error, operation: string): SqlError.SqlError =>
  new SqlError.SqlError({
    reason: SqlError.classifySqliteError(cause, { message: cause.message, operation }),
  })

/** SQLite's own name of what went wrong, such as `SQLITE_FULL`, or undefined where it is not SQLite's. */
export const sqliteCode = (error: SqlError.SqlError): string | undefined => {
  const { cause } = error.reason
  return cause instanceof Error && "code" in cause ? String(cause.code) : undefined
}

type Row = Record<string, unknown>

class SqliteConnection implements SqlConnection.Connection {
  readonly #database: sqlite3.Database
  /** By their text, the one used longest ago first. */
  readonly #prepared = new Map<string, sqlite3.Statement>()

  constructor(database: sqlite3.Database) {
    this.#database = database
  }

  execute: SqlConnection.Connection["execute"] = (sql, params, transformRows) => {
    const rows = this.#rows(sql, params)
    return transformRows === undefined ? rows : Effect.map(rows, transformRows)
  }

  executeRaw: SqlConnection.Connection["executeRaw"] = (sql, params) => this.#rows(sql, params)

  executeValues: SqlConnection.Connection["executeValues"] = (sql, params) =>
    Effect.map(this.#rows(sql, params), (rows) => rows.map((row) => Object.values(row)))

  executeUnprepared: SqlConnection.Connection["executeUnprepared"] = (sql, params, transformRows) => {
    const rows = fromCallback<Row[]>("execute", (done) => this.#database.all<Row>(sql, [...params], done))
    return transformRows === undefined ? rows : Effect.map(rows, transformRows)
  }

  executeValuesUnprepared: SqlConnection.Connection["executeValuesUnprepared"] = (sql, params) =>
    Effect.map(this.executeUnprepared(sql, params, undefined), (rows) =>
      rows.map((row) => Object.values(row)),
    )

  executeStream: SqlConnection.Connection["executeStream"] = (sql, params, transformRows) =>
    Stream.unwrap(Effect.map(this.execute(sql, params, transformRows), Stream.fromIterable))

  /** `all` runs a statement to its end, so that none is left open and holds a lock. */
  #rows(sql: string, params: readonly unknown[]): Effect.Effect<Row[], SqlError.SqlError> {
    return Effect.flatMap(this.#prepare(sql), (statement) =>
      fromCallback<Row[]>("execute", (done) => statement.all<Row>([...params], done)),
    )
  }

  #prepare(sql: string): Effect.Effect<sqlite3.Statement, SqlError.SqlError> {
    const known = this.#prepared.get(sql)
    if (known !== undefined) {
      this.#prepared.delete(sql)
      this.#prepared.set(sql, known)
      return Effect.succeed(known)
    }
    return fromCallback<sqlite3.Statement>("prepare", (done) => {
      const statement = this.#database.prepare(sql, (error: Error | null) => {
        if (error === null) this.#remember(sql, statement)
        done(error, statement)
      })
    })
  }

  #remember(sql: string, statement: sqlite3.Statement): void {
    this.#prepared.set(sql, statement)
    if (this.#prepared.size <= preparedMax) return
    for (const [oldest, unused] of this.#prepared) {
      this.#prepared.delete(oldest)
      unused.finalize()
      break
    }
  }

  /** Ends all statements, and then the connection. */
  readonly close: Effect.Effect<void, SqlError.SqlError> = fromCallback("close", (done) => {
    for (const statement of this.#prepared.values()) statement.finalize()
    this.#prepared.clear()
    this.#database.close((error) => done(error))
  })

  static open(filename: string, mode: number, busyTimeoutMs: number) {
    return fromCallback<SqliteConnection>("open", (done) => {
      const database = new sqlite3.Database(filename, mode, (error) => {
        if (error !== null) return done(error)
        database.configure("busyTimeout", busyTimeoutMs)
        done(null, new SqliteConnection(database))
      })
    })
  }
}

/**
 * Opens a connection that is closed with the scope.
 *
 * Takes the file, whether it is for reading only (else the file is made where there is none), and how long to wait
 * for a lock of others. Fails with what SQLite says. Each of the connection's effects is one statement (what follows a
 * semicolon is ignored), and comes back when SQLite is done with it, interrupted or not.
 */
export const openConnection = (filename: string, readOnly: boolean, busyTimeoutMs: number) =>
  Effect.acquireRelease(
    SqliteConnection.open(
      filename,
      readOnly ? sqlite3.OPEN_READONLY : sqlite3.OPEN_READWRITE | sqlite3.OPEN_CREATE,
      busyTimeoutMs,
    ),
    ({ close }) => Effect.ignore(close),
  )
