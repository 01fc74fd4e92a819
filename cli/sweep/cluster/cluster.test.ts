/** A sweep over a real PostgreSQL and workers in processes of their own, one of which is killed. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { openForReading } from "#results/database/open.ts"
import { readCommand } from "#results/database/read.ts"
import { temporaryFiles } from "#spec-impl/store/sqlite/testing/files.ts"
import { type Postgres, startPostgres } from "../../testing/postgres.ts"
import { runLine } from "../../testing/run-line.ts"
import { joinCluster } from "./cluster.ts"
import { SeedLane } from "./seed-lane.ts"

const newFile = temporaryFiles()
const launcher = fileURLToPath(new URL("../../../netsplit", import.meta.url))

let postgres: Postgres
const workers: ChildProcess[] = []
beforeAll(async () => {
  postgres = await startPostgres()
})
afterAll(async () => {
  for (const worker of workers) worker.kill("SIGKILL")
  await postgres.stop()
})

/** Starts a worker, and waits until it serves. */
const startWorker = async (): Promise<ChildProcess> => {
  const worker = spawn(launcher, ["worker", "--cluster", postgres.url, "--threads", "1"])
  workers.push(worker)
  let said = ""
  await new Promise<void>((done) => {
    worker.stderr.on("data", (text: Buffer) => {
      said += text
      if (said.includes("\n")) done()
    })
  })
  expect(said).toMatch(/^netsplit: \S+ runs seeds on 1 threads; Ctrl-C stops it\n$/)
  return worker
}

const ask = (query: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe<{ readonly count: number }>(query)).pipe(
    Effect.provide(PgClient.layer({ url: Redacted.make(postgres.url) })),
    Effect.map(([row]) => Number(row!.count)),
    Effect.runPromise,
  )
const whenever = async (isSo: () => Promise<boolean>): Promise<void> => {
  while (!(await isSo())) await new Promise((done) => setTimeout(done, 50))
}

const kept = (filename: string) =>
  Effect.scoped(Effect.flatMap(openForReading(filename), (sql) => readCommand(sql, 1))).pipe(
    Effect.orElseSucceed(() => undefined),
    Effect.runPromise,
  )

describe("a sweep of a cluster", () => {
  test("loses no seed and reports none twice where workers are killed, cut off, come and go", async () => {
    const [victim, other] = await Promise.all([startWorker(), startWorker()])
    await whenever(async () => (await ask("SELECT count(*) FROM netsplit_runners")) === 2)
    const filename = newFile()
    const words = "sweep random --room-version 11 --seeds 1..16 --json"
    const onCluster = `${words} --workers 8 --cluster ${postgres.url} --results ${filename}`
    const sweeping = runLine(onCluster.split(" "))
    await whenever(async () => ((await kept(filename))?.sweeps[0]?.seeds_run ?? 0) >= 2)
    victim.kill("SIGKILL")
    const all = "FROM pg_stat_activity WHERE application_name = 'netsplit'"
    expect(await ask(`SELECT count(pg_terminate_backend(pid)) ${all}`)).toBeGreaterThan(0)
    const third = await startWorker()
    other.kill("SIGTERM")
    expect((await once(other, "close"))[0]).toBe(0)
    const { exitCode, stdout, stderr } = await sweeping
    expect(stderr).toBe("")
    // The counts of goals are sums over seeds: one that is missing, or there twice, would show.
    const local = await runLine(words.split(" "))
    const summaryOf = (json: string) => ({ ...JSON.parse(json), seconds: 0 })
    expect(summaryOf(stdout)).toEqual(summaryOf(local.stdout))
    expect(exitCode).toBe(local.exitCode)
    const [sweep] = (await kept(filename))!.sweeps
    expect(sweep).toMatchObject({ first_seed: 1, last_seed: 16, seeds_run: 16 })
    expect(sweep!.seeds_left).toBeUndefined()

    expect(await ask("SELECT count(*) FROM netsplit_messages")).toBe(0)
    expect(await ask("SELECT count(*) FROM netsplit_replies")).toBe(0)
    third.kill("SIGTERM")
    expect((await once(third, "close"))[0]).toBe(0)
  }, 300_000)

  test("that ends by its time says what to start, what is left, and leaves nothing behind", async () => {
    const words = `sweep random --seeds 1..9 --time-limit 1s --json --cluster ${postgres.url}`
    const alive = "last_heartbeat > now() - INTERVAL '15 seconds'"
    await whenever(async () => (await ask(`SELECT count(*) FROM netsplit_runners WHERE ${alive}`)) === 0)
    const { stdout, stderr } = await runLine(words.split(" "))
    expect(JSON.parse(stdout).seedsRun).toBe(0)
    expect(stderr).toBe(
      `netsplit: no workers yet; on each machine, from the same files: ./netsplit worker --cluster ${postgres.url}\n` +
        `netsplit: ended early (time limit), 9 seeds left; go on with: ./netsplit ${words}\n`,
    )
    expect(await ask("SELECT count(*) FROM netsplit_messages")).toBe(0)
  }, 120_000)

  test("is told where a worker has other code", async () => {
    await startWorker()
    const job = { scenario: undefined, roomVersions: undefined, transport: "direct", hostile: false } as const
    const refusal = Effect.gen(function* () {
      const laneOf = yield* SeedLane.client
      return yield* Effect.flip(laneOf("lane").RunSeed({ code: "other", task: { job, seed: 1 } }))
    })
    const cluster = joinCluster(new URL(postgres.url))
    const told = await Effect.runPromise(
      Effect.scoped(Effect.flatMap(cluster, (context) => Effect.provide(refusal, context))),
    )
    expect(told).toMatchObject({ _tag: "SeedFailure", isDefect: false })
    expect(told).toHaveProperty("message", expect.stringContaining("has other code"))
  }, 120_000)

  test("whose database cannot be used is told so in one line", async () => {
    const url = "postgres://netsplit:secret@127.0.0.1:1/nowhere"
    const { exitCode, stderr } = await runLine(["sweep", "random", "--seeds", "1..9", "--cluster", url])
    expect(exitCode).toBe(64)
    expect(stderr).toBe(
      "netsplit: postgres://netsplit@127.0.0.1:1/nowhere: connect ECONNREFUSED 127.0.0.1:1\n",
    )
  })
})
