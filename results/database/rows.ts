/** Rows, as they are kept and as the code has them. */
import { deflateSync, inflateSync } from "node:zlib"
import { Effect } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import { type ColumnKind, type NewRow, type Row, readKind, type TableName, tables } from "./tables.ts"

const keep = (kind: ColumnKind, value: unknown): unknown => {
  if (value === undefined) return null
  const { base } = readKind(kind)
  if (base === "boolean") return value === true ? 1 : 0
  if (base === "json") return JSON.stringify(value)
  if (base === "packed") return deflateSync(JSON.stringify(value))
  return value
}

const restore = (kind: ColumnKind, kept: unknown): unknown => {
  const { base } = readKind(kind)
  if (base === "boolean") return kept === 1
  if (base === "json") return JSON.parse(String(kept))
  if (base === "packed") return JSON.parse(inflateSync(kept as Uint8Array).toString())
  return kept
}

const kindsOf = (table: TableName): readonly (readonly [string, ColumnKind])[] =>
  Object.entries(tables[table].columns).map(([name, [kind]]) => [name, kind])

/** A row of a table as SQLite gives it, in the order of `tables`; what is missing is left out. */
export const readRow = <T extends TableName>(table: T, kept: Readonly<Record<string, unknown>>): Row<T> =>
  Object.fromEntries(
    kindsOf(table).flatMap(([name, kind]) =>
      kept[name] === null ? [] : [[name, restore(kind, kept[name])] as const],
    ),
  ) as Row<T>

const keepRow = (table: TableName, row: object): Record<string, unknown> =>
  Object.fromEntries(
    kindsOf(table).flatMap(([name, kind]) =>
      Object.hasOwn(row, name) ? [[name, keep(kind, row[name as never])] as const] : [],
    ),
  )

/** Writes all of the rows or none of them; gives their ids. They are on the disk when it returns. */
export const insertRows = <T extends TableName>(
  sql: SqlClient.SqlClient,
  table: T,
  rows: readonly NewRow<T>[],
): Effect.Effect<readonly number[], SqlError.SqlError> =>
  sql.withTransaction(
    Effect.forEach(rows, (row) =>
      Effect.map(
        sql<{
          readonly id: number
        }>`INSERT INTO ${sql(table)} ${sql.insert(keepRow(table, row)).returning("id")}`,
        ([written]) => written!.id,
      ),
    ),
  )

/** Changes the given columns of one row. */
export const updateRow = <T extends TableName>(
  sql: SqlClient.SqlClient,
  table: T,
  id: number,
  changes: Partial<NewRow<T>>,
): Effect.Effect<void, SqlError.SqlError> =>
  Effect.asVoid(sql`UPDATE ${sql(table)} SET ${sql.update(keepRow(table, changes))} WHERE id = ${id}`)
