/** A sweep whose seeds end in any order, or not at all: what it sums up, what it keeps, and what is left to do. */
import { rmSync } from "node:fs"
import { Deferred, Effect, Option } from "effect"
import { describe, expect, test } from "vitest"
import { openForReading } from "#results/database/open.ts"
import { readCommand } from "#results/database/read.ts"
import type { PlanCase } from "#sim/explore/case.ts"
import { temporaryFiles } from "#spec-impl/store/sqlite/testing/files.ts"
import { Argv, recorded } from "../recording/recorded.ts"
import { noRecordFlag, ResultsFile, resultsFlag } from "../recording/results-file.ts"
import { sweepKeeper } from "../recording/sweep-rows.ts"
import type { SeedResult } from "./job.ts"
import { runSweep, type SeedRunner, type SweepOptions } from "./run-sweep.ts"
import { parseSeeds, showSeeds } from "./seed-ranges.ts"

const newFile = temporaryFiles()

const failingPlan = (seed: number): PlanCase => ({
  ...{ check: "live", why: "s2 waits", shape: "unheard-departure", transport: "direct" },
  plan: { seed, servers: [{ name: "s1" }], users: ["@alice:s1"], core: ["s1"], faultsMs: 1, entries: [] },
})
const resultOf = (seed: number): SeedResult => ({
  seed,
  cases: seed % 10 === 7 ? [failingPlan(seed)] : [],
  events: 12,
  goals: { "soft failure": seed % 2, "never there": 0 },
})

/** Sweeps with a runner of the test's own, and keeps it in a file of its own. */
const sweep = (words: string, runner: SeedRunner<string>, options: Partial<SweepOptions<string>> = {}) => {
  const filename = newFile()
  const seeds = parseSeeds(words)!
  const outcome = recorded({ command: "sweep", options: {} }, (recording) =>
    runSweep({
      ...{ seeds, runner, failuresMax: 100, timeLimitMs: undefined, interrupted: Effect.never },
      keep: sweepKeeper(recording, "random", seeds),
      ...options,
    }),
  ).pipe(
    Effect.provide(ResultsFile.layer(filename)),
    Effect.provideService(Argv, ["sweep", "random", "--seeds", words, "--hostile"]),
    Effect.provideService(noRecordFlag, false),
    Effect.provideService(resultsFlag, Option.none()),
  )
  const kept = Effect.scoped(Effect.flatMap(openForReading(filename), (sql) => readCommand(sql, 1)))
  return Effect.map(Effect.all([Effect.exit(outcome), kept]), ([exit, command]) => ({
    exit,
    command: command!,
  }))
}
const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(effect)
const succeed = (seed: number) => Effect.succeed(resultOf(seed))

describe("a sweep", () => {
  test("sums up all seeds in their order, and keeps failures, cases and goals", async () => {
    const slowEven = (seed: number) => Effect.delay(succeed(seed), seed % 2 === 0 ? "5 millis" : 0)
    const { exit, command } = await run(sweep("1..30", { run: slowEven, places: 4 }))
    const outcome = Option.getOrThrow(Option.fromNullishOr(exit._tag === "Success" ? exit.value : undefined))
    expect(outcome).toMatchObject({ seedsRun: 30, left: [], endedBy: "done" })
    expect(outcome.goals).toEqual({ "soft failure": 15, "never there": 0 })
    expect(outcome.failures.map(({ seed }) => seed)).toEqual([7, 17, 27])
    const [kept] = command.sweeps
    expect(kept).toMatchObject({ scenario: "random", first_seed: 1, last_seed: 30, seeds_run: 30 })
    expect(kept!.seeds_left).toBeUndefined()
    expect(kept!.goals.map(({ goal, count }) => [goal, count])).toEqual([
      ["soft failure", 15],
      ["never there", 0],
    ])
    const { caseFile } = outcome.failures[0]!
    expect(kept!.failures.find(({ seed }) => seed === 7)).toMatchObject({
      ...{
        check: "live",
        why: "s2 waits",
        shape: "unheard-departure",
        replay: `./netsplit replay ${caseFile}`,
      },
    })
    expect(command.cases.find(({ case_file }) => case_file === caseFile)).toMatchObject({
      ...{ events: 12, servers: 1, faults: 0, plan: failingPlan(7).plan },
      failure_id: kept!.failures.find(({ seed }) => seed === 7)!.id,
    })
    for (const failure of outcome.failures) rmSync(failure.caseFile)
  })

  test("that ends early leaves exactly the seeds that were not run", async () => {
    const stop = Deferred.makeUnsafe<void>()
    const stuck = new Set([3, 6])
    const runSeed = (seed: number) => {
      if (stuck.has(seed)) return Effect.never
      return seed === 12 ? Effect.tap(succeed(seed), Deferred.succeed(stop, undefined)) : succeed(seed)
    }
    const places = { run: runSeed, places: 3 }
    const { exit, command } = await run(sweep("1..5,6..20", places, { interrupted: Deferred.await(stop) }))
    expect(exit).toMatchObject({ value: { seedsRun: 10, endedBy: "interrupt" } })
    const left = exit._tag === "Success" ? showSeeds(exit.value.left) : ""
    expect(left).toBe("3,6,13..20")
    expect(command.sweeps[0]).toMatchObject({ seeds_run: 10, seeds_left: left })
    const failures = exit._tag === "Success" ? exit.value.failures : []
    for (const failure of failures) rmSync(failure.caseFile)
  })

  test("ends by its time, or after enough failures", async () => {
    const timed = await run(sweep("1..3", { run: () => Effect.never, places: 1 }, { timeLimitMs: 1 }))
    expect(timed.exit).toMatchObject({ value: { seedsRun: 0, endedBy: "time limit", left: [[1, 3]] } })
    const failed = await run(sweep("1..99", { run: succeed, places: 1 }, { failuresMax: 2 }))
    expect(failed.exit).toMatchObject({ value: { seedsRun: 17, endedBy: "failures", left: [[18, 99]] } })
    const failures = failed.exit._tag === "Success" ? failed.exit.value.failures : []
    for (const failure of failures) rmSync(failure.caseFile)
  })

  test("whose runner fails keeps what was done before", async () => {
    const runSeed = (seed: number) => (seed === 5 ? Effect.fail("gone") : succeed(seed))
    const { exit, command } = await run(sweep("1..9", { run: runSeed, places: 1 }))
    expect(exit._tag).toBe("Failure")
    expect(command.sweeps[0]).toMatchObject({ seeds_run: 4, seeds_left: "5..9" })
    expect(command.command.exit_code).toBe(70)
  })
})
