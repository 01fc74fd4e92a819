/** The directory of a server: its signing key, its database, and the lock that lets one process alone use them. */
import { randomBytes } from "node:crypto"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { Data, Effect, type Scope } from "effect"
import { openConnection } from "../../store/sqlite/connection.ts"
import { type KeptKey, readOrMakeSigningKey } from "./signing-key-file.ts"

/** The directory cannot be used; one line that says why. */
export class BadDataDirectory extends Data.TaggedError("BadDataDirectory")<{ readonly message: string }> {}

export interface DataDirectory {
  readonly key: KeptKey
  /** The path of the database. */
  readonly database: string
}

/**
 * Opens the directory for as long as the scope lives, and makes what is missing: the directory, for its owner alone,
 * and a signing key.
 */
export const openDataDirectory = Effect.fnUntraced(function* (
  path: string,
): Effect.fn.Return<DataDirectory, BadDataDirectory, Scope.Scope> {
  const tried = <A>(evaluate: () => A) =>
    Effect.try({
      try: evaluate,
      catch: (error) =>
        new BadDataDirectory({
          message:
            (error as NodeJS.ErrnoException).code === undefined
              ? (error as Error).message
              : `cannot use the data directory "${path}": ${(error as Error).message}`,
        }),
    })
  yield* tried(() => mkdirSync(path, { recursive: true, mode: 0o700 }))
  yield* lock(path)
  const key = yield* tried(() => readOrMakeSigningKey(join(path, "signing.key"), randomBytes))
  return { key, database: join(path, "homeserver.db") }
})

/** A lock of SQLite's: the system takes it back from a process that is gone, however that went. */
const lock = Effect.fnUntraced(function* (path: string) {
  const file = join(path, "lock.db")
  const refused = (why: string) =>
    new BadDataDirectory({ message: `cannot use the data directory "${path}": ${why}` })
  const connection = yield* openConnection(file, false, 0).pipe(
    Effect.mapError(({ message }) => refused(message)),
  )
  yield* connection
    .executeValues("BEGIN EXCLUSIVE", [])
    .pipe(
      Effect.mapError(({ reason, message }) =>
        refused(
          reason._tag === "LockTimeoutError" || /locked|busy/i.test(message)
            ? "another netsplit uses it"
            : message,
        ),
      ),
    )
})
