/** What the results database tells: lists, one command with all that belongs to it, whole tables. */
import { Effect, Option, Stream } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import { readRow } from "./rows.ts"
import { type Row, type TableName, tableNames } from "./tables.ts"

type Read<A> = Effect.Effect<A, SqlError.SqlError>

const readRows =
  <T extends TableName>(table: T) =>
  (kept: readonly object[]): readonly Row<T>[] =>
    kept.map((row) => readRow(table, row as Record<string, unknown>))

export interface ListFilter {
  readonly command: string | undefined
  /** Milliseconds since 1970. */
  readonly sinceTs: number
  readonly limit: number
}

/** The newest commands, those first, without their reports. */
export const listCommands = (
  sql: SqlClient.SqlClient,
  { command, sinceTs, limit }: ListFilter,
): Read<readonly Omit<Row<"commands">, "report">[]> =>
  sql<object>`SELECT *, NULL AS report FROM commands WHERE started_ts >= ${sinceTs}
    AND ${command === undefined ? sql.literal("1") : sql`command = ${command}`} ORDER BY id DESC LIMIT ${limit}`.pipe(
    Effect.map(readRows("commands")),
  )

/** Of several of one command: 2 of command 17 is called `17.2`, as a run is. */
interface Numbered {
  readonly number: number
}

/** A command with what came of it. */
export interface CommandResults {
  readonly command: Row<"commands">
  readonly runs: readonly Row<"runs">[]
  readonly samples: readonly Row<"samples">[]
  readonly sweeps: readonly (Row<"sweeps"> & {
    readonly goals: readonly Row<"goals">[]
    readonly failures: readonly (Row<"failures"> & Numbered)[]
  })[]
  readonly cases: readonly (Row<"cases"> & Numbered)[]
}

const childrenOf = <T extends TableName>(
  sql: SqlClient.SqlClient,
  table: T,
  parent: "command_id" | "sweep_id",
  id: number,
) =>
  Effect.map(
    sql<object>`SELECT * FROM ${sql(table)} WHERE ${sql(parent)} = ${id} ORDER BY id`,
    readRows(table),
  )

const numbered = <R extends object>(rows: readonly R[]): readonly (R & Numbered)[] =>
  rows.map((row, at) => ({ ...row, number: at + 1 }))

/** All of one command, or undefined where there is none of that id. */
export const readCommand = (sql: SqlClient.SqlClient, id: number): Read<CommandResults | undefined> =>
  Effect.gen(function* () {
    const [command] = readRows("commands")(yield* sql<object>`SELECT * FROM commands WHERE id = ${id}`)
    if (command === undefined) return undefined
    const sweeps = yield* childrenOf(sql, "sweeps", "command_id", id)
    return {
      command,
      runs: yield* childrenOf(sql, "runs", "command_id", id),
      samples: yield* childrenOf(sql, "samples", "command_id", id),
      sweeps: yield* Effect.forEach(sweeps, (sweep) =>
        Effect.all({
          goals: childrenOf(sql, "goals", "sweep_id", sweep.id),
          failures: Effect.map(childrenOf(sql, "failures", "sweep_id", sweep.id), numbered),
        }).pipe(Effect.map((found) => ({ ...sweep, ...found }))),
      ),
      cases: numbered(yield* childrenOf(sql, "cases", "command_id", id)),
    }
  })

/** The id of a command that is nearest to a number, or undefined where there are none. */
export const nearestId = (sql: SqlClient.SqlClient, id: number): Read<number | undefined> =>
  Effect.map(
    sql<{ readonly id: number }>`SELECT id FROM commands ORDER BY abs(id - ${id}), id LIMIT 1`,
    ([row]) => row?.id,
  )

const pageRows = 200

/** All rows of a table by their ids, a page at a time. */
const rowsOf = (sql: SqlClient.SqlClient, table: TableName) =>
  Stream.paginate(0, (after) =>
    sql<object>`SELECT * FROM ${sql(table)} WHERE id > ${after} ORDER BY id LIMIT ${pageRows}`.pipe(
      Effect.map((kept) => {
        const rows: readonly { readonly id: number }[] = readRows(table)(kept)
        const last = rows.length < pageRows ? Option.none() : Option.some(rows.at(-1)!.id)
        return [rows, last] as const
      }),
    ),
  )

/**
 * Every row of all tables, or of one, as one state of the database: each an object that begins with the name of its
 * `table`. Rows come after those they point to.
 */
export const exportRows = <E>(
  sql: SqlClient.SqlClient,
  table: TableName | undefined,
  write: (row: object) => Effect.Effect<void, E>,
): Effect.Effect<void, SqlError.SqlError | E> =>
  sql.withTransaction(
    Effect.forEach(
      table === undefined ? tableNames : [table],
      (name) => Stream.runForEach(rowsOf(sql, name), (row) => write({ table: name, ...row })),
      { discard: true },
    ),
  )
