/** The layer on SQLite keeps the contract of `EventStore`, and says what is wrong with a database. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { dirname } from "node:path"
import { Effect, type Scope } from "effect"
import { SqlClient } from "effect/sql"
import { describe, expect, it } from "vitest"
import { memoryScratch, pageBytes } from "../../core/paging/pages.ts"
import { type EventStore, StoreFailure, type StoreGroup } from "../event-store.ts"
import { describeContract } from "../testing/contract.ts"
import { type Disk, event, onDisk } from "../testing/disk.ts"
import { keptRooms } from "../testing/kept-rooms.ts"
import { migrate } from "./schema.ts"
import { makeSqliteClient } from "./sqlite-client.ts"
import { makeSqliteStore, storeOn } from "./sqlite-store.ts"
import { temporaryFiles } from "./testing/files.ts"

const newFile = temporaryFiles()
const diskOf = (filename: string): Disk => ({
  boot: makeSqliteStore({ filename, busyTimeoutMs: 20 }),
  copy: () => {
    const copy = newFile()
    for (const suffix of ["", "-wal"]) {
      if (existsSync(filename + suffix)) copyFileSync(filename + suffix, copy + suffix)
    }
    return diskOf(copy)
  },
})

describe("the store on SQLite", () => describeContract(() => diskOf(newFile()), 25))

const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(effect))
const record = (key: string, value: string): StoreGroup => ({ records: [{ collection: "c", key, value }] })
const keys = (store: EventStore["Service"]) =>
  Effect.map(store.records("c"), (records) => records.map(([key]) => key))

describe("what is not kept", () => {
  it("is in a file that nobody finds, while it is used and after it", () =>
    run(
      Effect.gen(function* () {
        const filename = newFile()
        const before = readdirSync(dirname(filename))
        const { scratch } = yield* diskOf(filename).boot
        const names = readdirSync(dirname(filename))
        writeFileSync(`${filename}-scratch`, "of one that was killed in the moment in which it made it")
        scratch.write(0, new Uint8Array(pageBytes))
        expect(before).toEqual([])
        expect(readdirSync(dirname(filename))).toEqual(names)
      }),
    ))

  it("is refused once the store is closed", async () => {
    const { scratch } = await run(diskOf(newFile()).boot)
    expect(() => scratch.write(0, new Uint8Array(pageBytes))).toThrow(/closed/)
  })
})

describe("a full disk", () => {
  it("fails as full; what is smaller is kept, though it came at the same time, and all that was before", () =>
    run(
      Effect.gen(function* () {
        const filename = newFile()
        const writer = yield* makeSqliteClient({ filename })
        yield* Effect.provideService(migrate, SqlClient.SqlClient, writer)
        yield* writer`PRAGMA max_page_count = 80`
        const reader = yield* makeSqliteClient({ filename, readOnly: true })
        const store = yield* storeOn(writer, reader, () => [], memoryScratch())
        const huge = "x".repeat(1_000_000)
        const groups = [record("a", ""), record("b", huge), record("d", ""), record("e", huge)]
        const exits = yield* Effect.forEach(groups, (group) => Effect.result(store.commit(group)), {
          concurrency: "unbounded",
        })
        expect(exits.map((exit) => (exit._tag === "Failure" ? exit.failure.reason : "kept"))).toEqual([
          "kept",
          "full",
          "kept",
          "full",
        ])
        const blob = { collection: "c", key: "b", bytes: new Uint8Array(1_000_000) }
        expect(yield* Effect.flip(store.commit({ blobs: [blob] }))).toMatchObject({ reason: "full" })
        expect(yield* keys(store)).toEqual(["a", "d"])
        yield* store.commit(record("f", ""))
        expect(yield* keys(store)).toEqual(["a", "d", "f"])
      }),
    ))
})

describe("a lock of another", () => {
  it("fails as busy, and goes by", () =>
    run(
      Effect.gen(function* () {
        const filename = newFile()
        const store = yield* diskOf(filename).boot
        const other = yield* makeSqliteClient({ filename })
        const failures = yield* other.withTransaction(
          Effect.all(
            [Effect.flip(store.commit(record("a", ""))), Effect.flip(store.commit(record("b", "")))],
            {
              concurrency: "unbounded",
            },
          ),
        )
        expect(failures.map(({ reason }) => reason)).toEqual(["busy", "busy"])
        yield* store.commit(record("d", ""))
        expect(yield* keys(store)).toEqual(["d"])
      }),
    ))

  it("at boot is told in one line", () =>
    run(
      Effect.gen(function* () {
        const filename = newFile()
        const other = yield* makeSqliteClient({ filename })
        const failure = yield* other.withTransaction(Effect.flip(diskOf(filename).boot))
        expect(failure).toMatchObject({ reason: "busy" })
        expect(failure.detail).toContain(filename)
      }),
    ))
})

describe("what cannot be used is told in one line that names the file", () => {
  const refusal = async (filename: string, pattern: RegExp): Promise<void> => {
    const failure = await run(Effect.flip(diskOf(filename).boot))
    expect(failure).toBeInstanceOf(StoreFailure)
    expect(failure.reason).toBe("broken")
    expect(failure.detail).toContain(filename)
    expect(failure.detail).toMatch(pattern)
    expect(failure.detail).not.toContain("\n")
  }
  const filled = async (): Promise<string> => {
    const filename = newFile()
    const events = Array.from({ length: 200 }, (_, at) => event(`$${at}`))
    const group = { rooms: [{ roomId: "!r", roomVersion: "11" }], events }
    await Effect.runPromise(onDisk(diskOf(filename), (store) => store.commit(group)))
    return filename
  }

  it("a file that is no database", async () => {
    const filename = newFile()
    writeFileSync(filename, "not a database, and long enough to be looked at".repeat(100))
    await refusal(filename, /not a database/)
  })
  it("a database that was cut off", async () => {
    const filename = await filled()
    truncateSync(filename, 4096 * 3)
    await refusal(filename, /malformed/)
  })
  it("a database of which not even the first page is whole", async () => {
    const filename = await filled()
    truncateSync(filename, 50)
    await refusal(filename, /not a database|malformed/)
  })
  it("a directory", async () => {
    const filename = newFile()
    mkdirSync(filename)
    await refusal(filename, /unable to open/)
  })
  it("a file in a directory that is not there", () => refusal(`${newFile()}/store.db`, /unable to open/))
  it("a directory in which nothing may be written, whether there is a database in it or not", async () => {
    const [empty, full] = [newFile(), await filled()]
    for (const filename of [empty, full]) chmodSync(dirname(filename), 0o555)
    // Root may write anywhere.
    const isRoot = process.geteuid?.() === 0
    if (isRoot) process.seteuid?.("nobody")
    try {
      await refusal(empty, /unable to open/)
      await refusal(full, /readonly|unable to open/)
    } finally {
      if (isRoot) process.seteuid?.(0)
      for (const filename of [empty, full]) chmodSync(dirname(filename), 0o755)
    }
    const rooms = await Effect.runPromise(onDisk(diskOf(full), keptRooms))
    expect(rooms[0]?.events).toHaveLength(200)
  })
  it("a database of a newer netsplit", async () => {
    const filename = await filled()
    await run(
      Effect.flatMap(
        makeSqliteClient({ filename }),
        (sql) => sql`INSERT INTO migrations (migration_id, name) VALUES (99, 'later')`,
      ),
    )
    await refusal(filename, /newer netsplit/)
  })
})
