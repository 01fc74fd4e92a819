// Shows that commands keep what they come to, that `netsplit results` tells it, and that a results file that cannot be
// written changes nothing but one line on stderr.
import { mkdirSync, writeFileSync } from "node:fs"
import { Effect, Layer } from "effect"
import { describe, expect, test } from "vitest"
import type { Verdicts } from "#sim/world/report.ts"
import { temporaryFiles } from "#spec-impl/store/sqlite/testing/files.ts"
import { Engine } from "./engine.ts"
import { showCommandLine } from "./recording/command-line.ts"
import { parseSince } from "./results/since.ts"
import { engineDouble, scenarioDoubles } from "./testing/engine-double.ts"
import { runLine } from "./testing/run-line.ts"
import { spoil } from "./testing/spoil-results.ts"

const newFile = temporaryFiles()
const runIn = (filename: string, line: string, engine = engineDouble()) =>
  runLine([...line.split(" "), "--results", filename], engine)
const lists = async (filename: string) => JSON.parse((await runIn(filename, "results list --json")).stdout)

const unexpected: Verdicts = { agree: "no", wanted: "yes", live: "yes" }
const faulty = Layer.succeed(Engine, {
  scenarios: Effect.succeed(scenarioDoubles),
  run: () => Effect.die(new Error("the simulator fails")),
})

describe("a command keeps", () => {
  test("its line, options, seed, machine, commit, versions and how it ended", async () => {
    const filename = newFile()
    await runIn(filename, "run small-heal --seed 5", engineDouble(unexpected))
    const [kept] = await lists(filename)
    expect(kept).toMatchObject({
      ...{ id: 1, command: "run", seed: 5, exit_code: 1, node_version: process.versions.node },
      options: { scenario: "small-heal", seed: 5, roomVersions: ["12"], transport: "http" },
      line: `./netsplit run small-heal --seed 5 --results ${filename}`,
    })
    expect(kept.duration_ms).toBeGreaterThanOrEqual(0)
    expect([kept.cpu, kept.system, kept.effect_version]).not.toContain("")
    expect(Math.min(kept.cores, kept.memory_mib)).toBeGreaterThan(0)
  })

  test("each run with its whole report", async () => {
    const filename = newFile()
    await runIn(filename, "run small-split --seed 5")
    const { runs } = JSON.parse((await runIn(filename, "results show 1 --json")).stdout)
    expect(
      runs.map((run: { number: number; room_version: string; agree: string; cause?: string }) => [
        ...[run.number, run.room_version, run.agree, run.cause],
      ]),
    ).toEqual([
      [1, "10", "no", "different-inputs"],
      [2, "12", "yes", undefined],
    ])
    expect(runs[0].report.story).toEqual(["alice creates the room on s1", "bob joins from s2"])
    expect(runs[0].report.state.s1).toEqual({ "m.room.topic|": "$a" })
  })

  test("figures of a bench, and cases that were resolved", async () => {
    const filename = newFile()
    await runIn(filename, "bench hash")
    const corpus = "spec-impl/core/state-resolution/fixtures/corpus/minimal.json.gz"
    const resolved = await runIn(filename, `resolve --corpus ${corpus}`)
    const show = async (id: number) => JSON.parse((await runIn(filename, `results show ${id} --json`)).stdout)
    const hash = (await show(1)).samples
    expect(hash[0]).toMatchObject({ unit: "µs", details: { limit: "JSON.parse" } })
    const cases = (await show(2)).samples
    expect(cases).toHaveLength(resolved.stdout.trimEnd().split("\n").length)
    expect(cases[0].details.sha256).toMatch(/^[0-9a-f]{64}$/)
  })

  test("that it failed", async () => {
    const filename = newFile()
    expect((await runIn(filename, "run small-heal", faulty)).exitCode).toBe(70)
    expect((await lists(filename))[0].exit_code).toBe(70)
  })

  test("nothing with --no-record, and nothing where the line is wrong", async () => {
    const filename = newFile()
    await runIn(filename, "run small-heal --no-record")
    await runIn(filename, "run nosuch")
    expect(await runIn(filename, "results list")).toMatchObject({
      exitCode: 64,
      stderr: `netsplit: there are no results yet in ${filename}; each 'netsplit run' is kept\n`,
    })
  })

  test("no secret of its line, and words as a shell wants them", () => {
    const line = ["load", "keys", "--access-token", "syt_a", "--access-token=syt_b", "--corpus", "it's here"]
    expect(showCommandLine(line)).toBe(
      String.raw`./netsplit load keys --access-token … --access-token=… --corpus 'it'\''s here'`,
    )
    const urls = ["--cluster=postgres://me:s3cr:t@db/x", "postgresql://me:@db", "postgres://me@db:5432/x@y"]
    expect(showCommandLine(urls)).toBe(
      "./netsplit --cluster=postgres://me@db/x postgresql://me@db postgres://me@db:5432/x@y",
    )
  })
})

describe("results that cannot be kept", () => {
  const broken: Record<string, (filename: string) => void> = {
    "the file is no database": (filename) => writeFileSync(filename, "not a database ".repeat(99)),
    "there is a directory": (filename) => mkdirSync(filename),
  }
  test.each(Object.keys(broken))("%s: one line, and the command's own end", async (what) => {
    const filename = newFile()
    broken[what]!(filename)
    const withRecord = await runIn(filename, "run small-heal", engineDouble(unexpected))
    const without = await runIn(filename, "run small-heal --no-record", engineDouble(unexpected))
    expect(withRecord.stdout).toBe(without.stdout)
    expect([withRecord.exitCode, without.exitCode]).toEqual([1, 1])
    expect(withRecord.stderr).toMatch(
      /^netsplit: the results are not kept: .*SQLITE_.*\(--no-record[^\n]*\)\n$/,
    )
    expect(withRecord.stderr).toContain(filename)
  })

  test("from the middle of a command on: one line as well", async () => {
    const filename = newFile()
    await runIn(filename, "run small-heal")
    const double = engineDouble()
    const spoiling = Layer.effect(
      Engine,
      Effect.map(Engine, (engine) => ({
        ...engine,
        run: (...asked: Parameters<typeof engine.run>) =>
          Effect.andThen(spoil(filename), engine.run(...asked)),
      })),
    ).pipe(Layer.provide(double))
    const { exitCode, stderr } = await runIn(filename, "run small-heal", spoiling)
    expect(exitCode).toBe(0)
    expect(stderr).toMatch(/^netsplit: the results are not kept: [^\n]*no such table[^\n]*\n$/)
  })
})

describe("netsplit replay", () => {
  test("of a run that was kept, by its id", async () => {
    const filename = newFile()
    await runIn(filename, "run small-split --seed 5")
    expect(await runIn(filename, "replay 1")).toMatchObject({
      exitCode: 64,
      stderr: "netsplit: result 1 has parts: name one, from 1.1 to 1.2\n",
    })
    await runIn(filename, "replay 1.2")
    const { command, runs } = JSON.parse((await runIn(filename, "results show 2 --json")).stdout)
    expect(command).toMatchObject({ command: "replay", seed: 5, options: { case: "1.2" } })
    expect(runs).toMatchObject([{ scenario: "small-split", room_version: "12", seed: 5 }])
  })

  test("not of what ran nothing", async () => {
    const filename = newFile()
    await runIn(filename, "bench hash")
    expect(await runIn(filename, "replay 1")).toMatchObject({
      exitCode: 64,
      stderr: `netsplit: there is nothing in result 1 to run again: it was ./netsplit bench hash --results ${filename}\n`,
    })
  })
})

describe("netsplit results", () => {
  test("list: a table, newest first, with filters", async () => {
    const filename = newFile()
    for (const seed of [1, 2, 3]) await runIn(filename, `run small-heal --seed ${seed}`)
    const { stdout } = await runIn(filename, "results list --limit 2 --command run --since 1h")
    const lines = stdout.trimEnd().split("\n")
    expect(lines[0]).toMatch(/^id +began +took +exit +commit +command$/)
    expect(lines.slice(1).map((line) => line.split(" ")[0])).toEqual(["3", "2"])
    expect(lines[1]).toContain("run small-heal --seed 3")
    expect((await runIn(filename, "results list --command bench --json")).stdout).toBe("[]\n")
    expect((await runIn(filename, "results list --since 2999-01-01 --json")).stdout).toBe("[]\n")
  })

  test("show: all that there is of one run, for people", async () => {
    const filename = newFile()
    await runIn(filename, "run small-split")
    const { exitCode, stdout } = await runIn(filename, "results show 1.1")
    expect(exitCode).toBe(0)
    for (const part of [
      "room version 10: as expected",
      "agree    no (different-inputs)  no",
      `Whole trace hash: ${"10abcdef".repeat(8)}`,
      "Repeat it: ./netsplit run small-split --seed 1",
      '"roomVersions":["10","12"]',
      `Node ${process.versions.node}`,
    ])
      expect(stdout).toContain(part)
    expect(stdout).not.toContain("room version 12")
    expect((await runIn(filename, "results show 1")).stdout).toContain("room version 12: as expected")
  })

  test("compare: what differs around two results, verdicts and traces, and the ratio of what was measured", async () => {
    const filename = newFile()
    await runIn(filename, "run small-heal")
    await runIn(filename, "run small-heal", engineDouble(unexpected))
    await runIn(filename, "run small-heal --seed 2")
    const { stdout } = await runIn(filename, "results compare 1 2.1")
    expect(stdout).toBe(
      "run                                        agree     wanted  live  trace\n" +
        "small-heal, seed 1, room version 12, http  yes → no  yes     yes   12abcdef12abcdef\n",
    )
    const other = JSON.parse((await runIn(filename, "results compare 1 3 --json")).stdout)
    expect(other.differs.options.map(({ seed }: { seed: number }) => seed)).toEqual([1, 2])
    expect(other.runs.map(({ left, right }: { left?: object; right?: object }) => [!!left, !!right])).toEqual(
      [
        ...[
          [true, false],
          [false, true],
        ],
      ],
    )
    await runIn(filename, "bench hash")
    const same = JSON.parse((await runIn(filename, "results compare 4 4 --json")).stdout)
    expect(same.differs).toEqual({})
    expect(new Set(same.samples.map(({ ratio }: { ratio: number }) => ratio))).toEqual(new Set([1]))
  })

  test("export: each row as a line, of all tables or one", async () => {
    const filename = newFile()
    await runIn(filename, "run small-split")
    const tables = async (line: string) =>
      (await runIn(filename, line)).stdout
        .trimEnd()
        .split("\n")
        .map((row) => JSON.parse(row).table)
    expect(await tables("results export")).toEqual(["commands", "runs", "runs"])
    expect(await tables("results export --table runs")).toEqual(["runs", "runs"])
  })

  test.each([
    ["show 9", "there is no result 9; the nearest is 1"],
    ["show 1.9", "there is no result 1.9; the nearest is 1.2"],
    ["show 1.0", "there is no result 1.0; the nearest is 1.1"],
    ["compare 1 9", "there is no result 9; the nearest is 1"],
    ["show one", `"one" is no id: 17 is a command, 17.2 its second run; try 'netsplit results list'`],
    ["list --since soon", '--since wants 90m, 12h, 7d or a date, not "soon"'],
    ["list --limit 0", '--limit wants a whole number from 1 to 2^53 − 1, not "0"'],
    ["lsit", `unknown command "lsit"; did you mean list? try 'netsplit results --help'`],
  ])("%s is wrong usage", async (line, message) => {
    const filename = newFile()
    await runIn(filename, "run small-split")
    expect(await runIn(filename, `results ${line}`)).toEqual({
      ...{ exitCode: 64, stdout: "", stderr: `netsplit: ${message}\n` },
    })
  })

  test.each(["results", "results list", "results show", "results compare", "results export"])(
    "%s --help",
    async (line) => {
      const { exitCode, stdout } = await runLine([...line.split(" "), "--help"])
      expect(exitCode).toBe(0)
      expect(stdout).toContain(`netsplit ${line}`)
    },
  )
})

test("instants before now, and dates", () => {
  expect([parseSince("90m", 6e6), parseSince("2h", 8e6), parseSince("1d", 9e7)]).toEqual([6e5, 8e5, 36e5])
  expect(parseSince("2026-01-02", 0)).toBe(Date.UTC(2026, 0, 2))
  expect([parseSince("2026-99-99", 0), parseSince("h", 0), parseSince("12", 0)]).toEqual([
    ...[undefined, undefined, undefined],
  ])
})
