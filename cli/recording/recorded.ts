/** Keeps what a command comes to in the results database. */
import { Cause, Clock, Console, Context, Effect } from "effect"
import type { NewRow, TableName } from "#results/database/tables.ts"
import { exitCodeOfExit } from "../outcome.ts"
import { showCommandLine } from "./command-line.ts"
import { noRecordFlag, resultsFilename } from "./results-file.ts"

/** The words of the command line, without the program's name. */
export class Argv extends Context.Service<Argv, readonly string[]>()("netsplit/cli/Argv") {}

/** What a row needs of who writes it. */
type Part<T extends TableName> = Omit<NewRow<T>, "command_id">

/** A command that is being kept. */
export interface Recording {
  /** Writes rows, all or none, and gives their ids; no ids where they are not kept. */
  readonly add: <T extends Exclude<TableName, "commands">>(
    table: T,
    rows: readonly Part<T>[],
  ) => Effect.Effect<readonly number[]>
  /** Keeps what the command tells, where no table has a place for it. */
  readonly report: (report: unknown) => Effect.Effect<void>
}

const notKept: Recording = { add: () => Effect.succeed([]), report: () => Effect.void }

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
  return {
    add: <T extends TableName>(table: T, rows: readonly Part<T>[]) =>
      insertRows(sql, table, rows.map((row) => ({ ...row, command_id: id! })) as never),
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
      const recording: Recording = {
        add: (table, rows) =>
          begun.add(table, rows).pipe(Effect.catchCause((cause) => Effect.as(warn(cause), []))),
        report: (report) => begun.change({ report }).pipe(Effect.catchCause(warn)),
      }
      return yield* work(recording).pipe(
        Effect.onExit((exit) => begun.finish(exitCodeOfExit(exit)).pipe(Effect.catchCause(warn))),
      )
    }),
  )
