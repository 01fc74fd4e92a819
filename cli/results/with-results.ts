import { existsSync } from "node:fs"
import { Effect, Predicate } from "effect"
import type { SqlClient } from "effect/sql"
import { UsageError } from "../outcome.ts"
import { resultsFilename } from "../recording/results-file.ts"

/** Does something with the results database, which must be there. */
export const withResults = <A, E, R>(use: (sql: SqlClient.SqlClient) => Effect.Effect<A, E, R>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const filename = yield* resultsFilename
      if (filename === undefined) {
        return yield* new UsageError({
          message: "there is no results database: name one with --results FILE",
        })
      }
      if (!existsSync(filename)) {
        return yield* new UsageError({
          message: `there are no results yet in ${filename}; each 'netsplit run' is kept`,
        })
      }
      const { openForReading } = yield* Effect.promise(() => import("#results/database/open.ts"))
      return yield* use(yield* openForReading(filename)).pipe(
        Effect.mapError((error) =>
          Predicate.isTagged(error, "SqlError")
            ? new UsageError({ message: `${filename}: ${String(error)}` })
            : error,
        ),
      )
    }),
  ).pipe(
    Effect.mapError((error) =>
      Predicate.isTagged(error, "ResultsFailure") ? new UsageError({ message: error.message }) : error,
    ),
  )
