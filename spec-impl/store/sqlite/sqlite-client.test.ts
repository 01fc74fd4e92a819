/** The client holds its connection for each statement and each transaction, and keeps what it acknowledges. */
import { Effect, Fiber, type Scope } from "effect"
import { describe, expect, it } from "vitest"
import { makeSqliteClient } from "./sqlite-client.ts"
import { temporaryFiles } from "./testing/files.ts"

const newFile = temporaryFiles()
const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(effect))
const withTable = Effect.fnUntraced(function* (filename: string) {
  const sql = yield* makeSqliteClient({ filename })
  yield* sql`CREATE TABLE t (n INTEGER)`
  return sql
})

describe("a client", () => {
  it("keeps each insert that it acknowledged, whatever transactions are rolled back meanwhile", () =>
    run(
      Effect.gen(function* () {
        const sql = yield* withTable(newFile())
        const inserts = Effect.forEach(
          Array.from({ length: 300 }, (_, at) => at),
          (at) => sql`INSERT INTO t VALUES (${at})`,
          { concurrency: 10, discard: true },
        )
        const rollbacks = Effect.forEach(
          Array.from({ length: 100 }, (_, at) => at),
          () =>
            Effect.ignore(
              sql.withTransaction(Effect.andThen(sql`INSERT INTO t VALUES (-1)`, Effect.fail("no"))),
            ),
          { concurrency: 3, discard: true },
        )
        yield* Effect.all([inserts, rollbacks], { concurrency: "unbounded" })
        const rows = yield* sql<{ n: number }>`SELECT n FROM t ORDER BY n`
        expect(rows.map(({ n }) => n)).toEqual(Array.from({ length: 300 }, (_, at) => at))
      }),
    ))

  it("is not left in a transaction by who is interrupted in it", () =>
    run(
      Effect.gen(function* () {
        const sql = yield* withTable(newFile())
        for (let times = 0; times < 20; times++) {
          const fiber = yield* Effect.forkChild(
            sql.withTransaction(Effect.andThen(sql`INSERT INTO t VALUES (-1)`, Effect.never)),
          )
          yield* Effect.repeat(Effect.yieldNow, { times })
          yield* Fiber.interrupt(fiber)
          yield* sql`INSERT INTO t VALUES (${times})`
        }
        expect(yield* sql`SELECT count(*) AS n FROM t WHERE n >= 0`).toEqual([{ n: 20 }])
        expect(yield* sql`SELECT count(*) AS n FROM t WHERE n < 0`).toEqual([{ n: 0 }])
      }),
    ))

  it("has every commit on the disk, by what SQLite says itself", () =>
    run(
      Effect.gen(function* () {
        const sql = yield* makeSqliteClient({ filename: newFile() })
        expect(yield* sql`PRAGMA journal_mode`).toEqual([{ journal_mode: "wal" }])
        expect(yield* sql`PRAGMA synchronous`).toEqual([{ synchronous: 2 }])
      }),
    ))

  it("for reading sees what is committed, and writes nothing", () =>
    run(
      Effect.gen(function* () {
        const filename = newFile()
        const writer = yield* withTable(filename)
        const reader = yield* makeSqliteClient({ filename, readOnly: true })
        yield* writer.withTransaction(
          Effect.gen(function* () {
            yield* writer`INSERT INTO t VALUES (1)`
            expect(yield* reader`SELECT n FROM t`).toEqual([])
          }),
        )
        expect(yield* reader`SELECT n FROM t`).toEqual([{ n: 1 }])
        const failure = yield* Effect.flip(reader`INSERT INTO t VALUES (2)`)
        expect(failure.message).toContain("readonly")
      }),
    ))

  it("goes on after a statement that SQLite refuses, and with more of them than it keeps prepared", () =>
    run(
      Effect.gen(function* () {
        const sql = yield* withTable(newFile())
        expect((yield* Effect.flip(sql`SELECT n FROM nowhere`)).message).toContain("nowhere")
        for (let at = 0; at < 300; at++) yield* sql.unsafe(`INSERT INTO t VALUES (${at})`)
        expect(yield* sql`SELECT count(*) AS n FROM t`).toEqual([{ n: 300 }])
      }),
    ))
})
