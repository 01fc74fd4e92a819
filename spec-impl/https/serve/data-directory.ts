/** Where a homeserver keeps what is its own, and that no other process does at the same time. */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import type { Scope } from "effect"
import { Data, Effect } from "effect"
import type { StoreFailure } from "../../store/event-store.ts"
import { storeFailureOf } from "../../store/sqlite/failure.ts"
import { makeSqliteClient } from "../../store/sqlite/sqlite-client.ts"

/** The directory cannot be used; one line for people. */
export class BadDirectory extends Data.TaggedError("BadDirectory")<{ readonly message: string }> {}

/** The files of a homeserver. */
export interface DataDirectory {
  readonly signingKeyFile: string
  readonly databaseFile: string
}

/**
 * Makes the directory where there is none, for its owner alone, and holds it for as long as the scope lives: the lock
 * is a transaction, which ends with the process however that ends.
 */
export const holdDataDirectory = (
  path: string,
): Effect.Effect<DataDirectory, BadDirectory | StoreFailure, Scope.Scope> =>
  Effect.gen(function* () {
    yield* Effect.try({
      try: () => mkdirSync(path, { recursive: true, mode: 0o700 }),
      catch: (error) => new BadDirectory({ message: `cannot make "${path}": ${codeOf(error)}` }),
    })
    const locks = yield* makeSqliteClient({ filename: join(path, "lock.sqlite"), busyTimeoutMs: 0 }).pipe(
      Effect.mapError(storeFailureOf),
    )
    const connection = yield* Effect.mapError(locks.reserve, storeFailureOf)
    yield* connection.execute("BEGIN IMMEDIATE", [], undefined).pipe(
      Effect.mapError(storeFailureOf),
      Effect.catchIf(
        ({ reason }) => reason === "busy",
        () => Effect.fail(new BadDirectory({ message: `"${path}" is in use by another homeserver` })),
      ),
    )
    return { signingKeyFile: join(path, "signing.key"), databaseFile: join(path, "homeserver.sqlite") }
  })

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error)
