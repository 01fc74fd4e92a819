import { Effect } from "effect"
import { makeSqliteClient } from "#spec-impl/store/sqlite/sqlite-client.ts"

/** Takes the tables of runs and commands away from whoever writes to that results database. */
export const spoil = (filename: string): Effect.Effect<void> =>
  Effect.gen(function* () {
    const sql = yield* makeSqliteClient({ filename })
    yield* sql`DROP TABLE runs`
    yield* sql`DROP TABLE commands`
  }).pipe(Effect.scoped, Effect.orDie)
