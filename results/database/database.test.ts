// Shows that what is written is read again, on which files that works, and that writers lose nothing of each other.
import { execFile } from "node:child_process"
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { Effect, type Scope } from "effect"
import { SqlClient } from "effect/sql"
import { describe, expect, test } from "vitest"
import { migrateBy } from "#spec-impl/store/sqlite/migrations.ts"
import { makeSqliteClient } from "#spec-impl/store/sqlite/sqlite-client.ts"
import { makeSqliteStore } from "#spec-impl/store/sqlite/sqlite-store.ts"
import { temporaryFiles } from "#spec-impl/store/sqlite/testing/files.ts"
import { readme, renewTables } from "./describe.ts"
import { openForReading, openForWriting } from "./open.ts"
import { exportRows, listCommands, nearestId, readCommand } from "./read.ts"
import { insertRows, updateRow } from "./rows.ts"
import { migrations } from "./schema.ts"
import { readKind, type TableName, tableNames, tables } from "./tables.ts"
import { aCommand, oneOfEach } from "./testing/rows.ts"

const newFile = temporaryFiles()
const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(effect))

const insertOneOfEach = (sql: SqlClient.SqlClient) =>
  Effect.forEach(tableNames, (name) => insertRows(sql, name, [oneOfEach[name] as never]))

const exported = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, table?: TableName) {
  const rows: object[] = []
  yield* exportRows(sql, table, (row) => Effect.sync(() => void rows.push(row)))
  return rows
})

/** A file with one row of each table. */
const filled = async (): Promise<string> => {
  const filename = newFile()
  await run(Effect.flatMap(openForWriting(filename), insertOneOfEach))
  return filename
}

describe("rows", () => {
  test("of each table come back as they were written, after those they point to", async () => {
    const filename = await filled()
    const rows = await run(Effect.flatMap(openForReading(filename), exported))
    expect(rows).toEqual(tableNames.map((table) => ({ table, id: 1, ...oneOfEach[table] })))
  })

  test("keep nothing where something may be missing, and leave it out again", () =>
    run(
      Effect.gen(function* () {
        const sql = yield* openForWriting(newFile())
        const { seed: _, exit_code: __, is_dirty: ___, report: ____, ...begun } = aCommand
        yield* insertRows(sql, "commands", [{ ...begun, duration_ms: undefined } as never])
        const { duration_ms: _____, ...kept } = begun
        expect((yield* readCommand(sql, 1))?.command).toEqual({ id: 1, ...kept })
        yield* updateRow(sql, "commands", 1, { exit_code: 2, report: ["r"] })
        expect((yield* readCommand(sql, 1))?.command).toEqual({ id: 1, ...kept, exit_code: 2, report: ["r"] })
      }),
    ))

  test("are written all or none", () =>
    run(
      Effect.gen(function* () {
        const sql = yield* openForWriting(newFile())
        yield* insertRows(sql, "commands", [aCommand])
        yield* Effect.flip(insertRows(sql, "runs", [oneOfEach.runs, { ...oneOfEach.runs, number: 1 }]))
        yield* Effect.flip(insertRows(sql, "runs", [{ ...oneOfEach.runs, command_id: 9 }]))
        expect(yield* exported(sql, "runs")).toEqual([])
      }),
    ))

  test("are exported whole, however many there are", () =>
    run(
      Effect.gen(function* () {
        const sql = yield* openForWriting(newFile())
        yield* insertRows(sql, "commands", [aCommand])
        const values = Array.from({ length: 450 }, (_, at) => at)
        yield* insertRows(
          sql,
          "samples",
          values.map((value) => ({ ...oneOfEach.samples, value })),
        )
        expect((yield* exported(sql, "samples")).map((row) => (row as { value: number }).value)).toEqual(
          values,
        )
      }),
    ))
})

test("commands are listed newest first, by name, by time, and no more than asked", () =>
  run(
    Effect.gen(function* () {
      const sql = yield* openForWriting(newFile())
      const commands = ["run", "bench", "run", "run"].map((command, at) => ({
        ...aCommand,
        command,
        started_ts: at,
      }))
      yield* insertRows(sql, "commands", commands)
      const ids = (command: string | undefined, sinceTs: number, limit: number) =>
        Effect.map(listCommands(sql, { command, sinceTs, limit }), (rows) => rows.map(({ id }) => id))
      expect(yield* ids(undefined, 0, 10)).toEqual([4, 3, 2, 1])
      expect(yield* ids("run", 0, 2)).toEqual([4, 3])
      expect(yield* ids("run", 2, 9)).toEqual([4, 3])
      expect(yield* ids("load", 0, 9)).toEqual([])
      expect([yield* nearestId(sql, 900), yield* nearestId(sql, 0)]).toEqual([4, 1])
    }),
  ))

describe("a file", () => {
  const refusal = (effect: Effect.Effect<unknown, { readonly message: string }, Scope.Scope>) =>
    run(Effect.map(Effect.flip(effect), ({ message }) => message))

  test("of a newer netsplit is refused, and left as it is", async () => {
    const filename = await filled()
    const known = Object.keys(migrations).length
    await run(
      Effect.flatMap(
        makeSqliteClient({ filename }),
        (sql) => sql`INSERT INTO migrations (migration_id, name) VALUES (${known + 1}, 'later')`,
      ),
    )
    const message = `${filename}: it is of a newer netsplit (version ${known + 1}; this one knows ${known}): run that one`
    expect(await refusal(openForWriting(filename))).toBe(message)
    expect(await refusal(openForReading(filename))).toBe(message)
  })

  test("of an older netsplit is brought up to date, also where it is only to be read", async () => {
    const filename = newFile()
    const { "1_results": first } = migrations
    const { seeds_left: _, ...sweep } = oneOfEach.sweeps
    const older = Effect.gen(function* () {
      const sql = yield* makeSqliteClient({ filename })
      yield* Effect.provideService(migrateBy({ "1_results": first! }), SqlClient.SqlClient, sql)
      yield* insertRows(sql, "commands", [aCommand])
      yield* insertRows(sql, "sweeps", [sweep])
    })
    await run(older)
    const rows = await run(Effect.flatMap(openForReading(filename), (sql) => exported(sql, "sweeps")))
    expect(rows).toEqual([{ table: "sweeps", id: 1, ...sweep }])
  })

  test("without tables gets them, also where it is only to be read", async () => {
    const filename = newFile()
    writeFileSync(filename, "")
    expect(await run(Effect.flatMap(openForReading(filename), exported))).toEqual([])
  })

  test("that is no database, or not there to be read, is named", async () => {
    const filename = newFile()
    writeFileSync(filename, "no database at all, but long enough to be looked at ".repeat(20))
    expect(await refusal(openForWriting(filename))).toBe(`${filename}: SQLITE_NOTADB: file is not a database`)
    expect(await refusal(openForWriting(`${filename}/in/it`))).toContain("SQLITE_CANTOPEN")
    expect(existsSync(`${filename}-wal`)).toBe(false)
  })

  test("with tables of something else is left alone", async () => {
    const filename = newFile()
    await run(Effect.flatMap(makeSqliteStore({ filename }), () => Effect.void))
    const message = `${filename}: it is a database of something else`
    expect(await refusal(openForWriting(filename))).toBe(message)
    expect(await refusal(openForReading(filename))).toBe(message)
  })

  test("that may only be read is read", async () => {
    const filename = await filled()
    chmodSync(filename, 0o444)
    expect(await run(Effect.flatMap(openForReading(filename), exported))).toHaveLength(tableNames.length)
  })
})

test("eight processes that write at once to a file that none of them found lose no row", async () => {
  const filename = newFile()
  const script = fileURLToPath(new URL("testing/write-rows.ts", import.meta.url))
  const names = Array.from({ length: 8 }, (_, at) => `writer ${at}`)
  await Promise.all(
    names.map((name) => promisify(execFile)(process.execPath, [script, filename, name, "200"])),
  )
  await run(
    Effect.gen(function* () {
      const sql = yield* openForReading(filename)
      const counts = yield* sql`SELECT name, count(*) AS n, count(DISTINCT value) AS values_n,
        count(DISTINCT command_id) AS commands_n FROM samples GROUP BY name ORDER BY name`
      expect(counts).toEqual(names.map((name) => ({ name, n: 200, values_n: 200, commands_n: 1 })))
      expect(yield* listCommands(sql, { command: undefined, sinceTs: 0, limit: 99 })).toHaveLength(8)
    }),
  )
})

describe("the tables", () => {
  test("are what the migrations make", () =>
    run(
      Effect.gen(function* () {
        const sql = yield* openForWriting(newFile())
        const types = {
          integer: "INTEGER",
          real: "REAL",
          text: "TEXT",
          boolean: "INTEGER",
          json: "TEXT",
          packed: "BLOB",
        }
        for (const name of tableNames) {
          const made = yield* sql`SELECT name, type, "notnull" AS required FROM pragma_table_info(${name})`
          const told = Object.entries(tables[name].columns).map(([column, [kind]]) => {
            const { base, mayBeMissing } = readKind(kind)
            // SQLite's own number of a row is never missing, without being told.
            return { name: column, type: types[base], required: mayBeMissing || column === "id" ? 0 : 1 }
          })
          expect(made).toEqual(told)
        }
      }),
    ))

  test("are what README.md shows", () => {
    const text = readFileSync(readme, "utf8")
    expect(renewTables(text)).toBe(text)
  })
})
