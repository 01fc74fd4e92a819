import { Effect } from "effect"
import { makeSqliteClient } from "#spec-impl/store/sqlite/sqlite-client.ts"

/** Takes a table away from whoever writes to that results database. */
export const spoil = (filename: string): Effect.Effect<void> =>
  Effect.scoped(Effect.flatMap(makeSqliteClient({ filename }), (sql) => sql`DROP TABLE runs`)).pipe(
    Effect.orDie,
    Effect.asVoid,
  )
