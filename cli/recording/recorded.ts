/** Keeps what a command comes to in the results database. */
import { Cause, Clock, Console, Context, Effect } from "effect"
import type { SqlError } from "effect/sql"
import type { NewRow, TableName } from "#results/database/tables.ts"
import { exitCodeOfExit } from "../outcome.ts"
import { showCommandLine } from "./command-line.ts"
import { noRecordFlag, resultsFilename } from "./results-file.ts"

/** The words of the command line, without the program's name. */
export class Argv extends Context.Service<Argv, readonly string[]>()("netsplit/cli/Argv") {}

/** What a row needs of who writes it. */
type Part<T extends TableName> = Omit<NewRow<T>, "command_id">

/** Tables that a command adds rows to: `commands` has the one of the command itself. */
type OwnTable = Exclude<TableName, "commands">

/** The rows of a command that is being kept. */
export interface Rows {
  /** Writes rows, and gives their ids. */
  readonly add: <T extends OwnTable>(
    table: T,
    rows: readonly Part<T>[],
  ) => Effect.Effect<readonly number[], SqlError.SqlError>
  /** Changes the given columns of a row. */
  readonly change: <T extends OwnTable>(
    table: T,
    id: number,
    changes: Partial<Part<T>>,
  ) => Effect.Effect<void, SqlError.SqlError>
}

/** A command that is being kept. */
export interface Recording {
  /** Writes what belongs together, all or nothing; gives undefined where it is not kept. */
  readonly write: <A>(
    writes: (rows: Rows) => Effect.Effect<A, SqlError.SqlError>,
  ) => Effect.Effect<A | undefined>
  /** Writes rows of one table, all or none. */
  readonly add: <T extends OwnTable>(table: T, rows: readonly Part<T>[]) => Effect.Effect<void>
  /** Keeps what the command tells, where no table has a place for it. */
  readonly report: (report: unknown) => Effect.Effect<void>
}

const notKept: Recording = {
  write: () => Effect.succeed(undefined),
  add: () => Effect.void,
  report: () => Effect.void,
}

/** What a command is asked for, and how it is called. */
export interface Asked {
  readonly command: string
  readonly seed?: number
  /** What it was told, defaults too. */
  readonly options: object
}

const begin = Effect.fnUntraced(function* (filename: string, asked: Asked) {
  const { openForWriting } = yield* Effect.promise(() => import("#results/database/open.ts"))
  const { insertRows, updateRow } = yield* Effect.promise(() => import("#results/database/rows.ts"))
  const { provenance } = yield* Effect.promise(() => import("./provenance.ts"))
  const started_ts = yield* Clock.currentTimeMillis
  const line = showCommandLine(yield* Argv)
  // git looks at the files while SQLite opens its own.
  const [sql, origin] = yield* Effect.all([openForWriting(filename), provenance], { concurrency: 2 })
  const [id] = yield* insertRows(sql, "commands", [{ ...asked, line, started_ts, ...origin }])
  const rows: Rows = {
    add: (table, parts) =>
      insertRows(sql, table, parts.map((part) => ({ ...part, command_id: id! })) as never),
    change: (table, row, changes) => updateRow(sql, table, row, changes as never),
  }
  return {
    write: <A>(writes: (rows: Rows) => Effect.Effect<A, SqlError.SqlError>) =>
      sql.withTransaction(writes(rows)),
    change: (changes: Partial<NewRow<"commands">>) => updateRow(sql, "commands", id!, changes),
    finish: Effect.fnUntraced(function* (exit_code: number) {
      const duration_ms = (yield* Clock.currentTimeMillis) - started_ts
      yield* updateRow(sql, "commands", id!, { exit_code, duration_ms })
    }),
  }
})

/** Says once that results are not kept, and why; the command goes on without. */
const makeWarning = () => {
  let isSaid = false
  return (cause: Cause.Cause<unknown>) => {
    if (isSaid) return Effect.void
    isSaid = true
    const error = Cause.squash(cause)
    const [line] = (error instanceof Error ? error.message : String(error)).split("\n")
    return Console.error(`netsplit: the results are not kept: ${line} (--no-record to keep none)`)
  }
}

/**
 * Does what a command is for, and keeps it: that it began, what `work` adds, how it ended. A command that is killed
 * stays without an end. Where the results cannot be kept there is one line on stderr, and nothing else changes.
 */
export const recorded = <A, E, R>(asked: Asked, work: (recording: Recording) => Effect.Effect<A, E, R>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const filename = (yield* noRecordFlag) ? undefined : yield* resultsFilename
      if (filename === undefined) return yield* work(notKept)
      const warn = makeWarning()
      const begun = yield* begin(filename, asked).pipe(
        Effect.catchCause((cause) => Effect.as(warn(cause), undefined)),
      )
      if (begun === undefined) return yield* work(notKept)
      const write: Recording["write"] = (writes) =>
        begun.write(writes).pipe(Effect.catchCause((cause) => Effect.as(warn(cause), undefined)))
      const recording: Recording = {
        write,
        add: (table, parts) => Effect.asVoid(write((rows) => rows.add(table, parts))),
        report: (report) => begun.change({ report }).pipe(Effect.catchCause(warn)),
      }
      return yield* work(recording).pipe(
        Effect.onExit((exit) => begun.finish(exitCodeOfExit(exit)).pipe(Effect.catchCause(warn))),
      )
    }),
  )
