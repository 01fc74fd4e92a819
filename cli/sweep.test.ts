/** Seeds are searched on threads, failures become files that are replayed and shrunk: as a shell sees it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { Plan } from "#sim/explore/plan.ts"
import { Engine } from "./engine.ts"
import { runLine } from "./testing/run-line.ts"

/** Somebody is removed, and their server cannot take that in when it comes. */
const failing: Plan = {
  seed: 5,
  servers: [{ name: "s1" }, { name: "s2" }, { name: "s3" }],
  users: ["@alice:s1", "@bob:s2", "@charlie:s3"],
  core: ["s1", "s3"],
  faultsMs: 60_000,
  entries: [
    { id: "make", atMs: 0, do: { act: "create", user: "@alice:s1", room: "r", version: "11" } },
    { id: "bob", atMs: 1_000, do: { act: "join", user: "@bob:s2", room: "r", via: ["s1"] } },
    { id: "charlie", atMs: 2_000, do: { act: "join", user: "@charlie:s3", room: "r", via: ["s1"] } },
    { id: "cut", atMs: 5_000, fault: { fault: "isolation", servers: ["s2"] }, forMs: 5_000 },
    { id: "unheard", atMs: 6_000, do: { act: "message", user: "@alice:s1", room: "r", count: 9 } },
    {
      id: "mute",
      atMs: 6_500,
      fault: {
        fault: "refused-endpoint",
        servers: ["s1", "s3"],
        endpoints: ["get_missing_events", "state_ids", "state", "event"],
      },
    },
    { id: "kick", atMs: 7_000, do: { act: "kick", user: "@alice:s1", room: "r", target: "@bob:s2" } },
    { id: "bye", atMs: 50_000, do: { act: "message", user: "@charlie:s3", room: "r" } },
  ],
}

let folder: string
let file: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "netsplit-cases-"))
  file = join(folder, "case.json")
  writeFileSync(file, JSON.stringify(failing))
})
afterAll(() => rmSync(folder, { recursive: true }))

const line = (words: string) => runLine(words.split(" "), Engine.layer)

describe("netsplit sweep", () => {
  test("random, as JSON: exactly the contract's keys, and the same however many threads there are", async () => {
    const sweep = async (workers: number) => {
      const { stdout, exitCode } = await line(
        `sweep random --seeds 1..4 --room-version 11 --workers ${workers} --json`,
      )
      const { seconds, ...summary } = JSON.parse(stdout)
      expect(seconds).toBeGreaterThan(0)
      return { summary, exitCode }
    }
    const one = await sweep(1)
    expect(Object.keys(one.summary)).toEqual(["seedsRun", "failures", "goals"])
    expect(one.summary.seedsRun).toBe(4)
    expect(one.exitCode).toBe(one.summary.failures.length > 0 ? 1 : 0)
    expect(await sweep(2)).toEqual(one)
  })

  test("a scenario that is as it expects to be fails in no seed", async () => {
    const { exitCode, stdout } = await line("sweep netsplit-and-heal --seeds 1..2 --workers 1 --json")
    expect(exitCode).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ seedsRun: 2, failures: [] })
  })

  test.each([
    ["sweep random --seeds 5..1", '--seeds wants seeds such as 1..1000, not "5..1"'],
    [
      "sweep random --seeds 1..2 --time-limit soon",
      '--time-limit wants a time such as 90s, 5m or 1h, not "soon"',
    ],
    [
      "sweep random --seeds 1 --mutant no-soft-failures",
      "there is no mutant no-soft-failures: did you mean no-soft-failure?",
    ],
    ["sweep random", "--seeds is missing; try 'netsplit sweep --help'"],
    ["replay no-such-file.json", '"no-such-file.json": no such file'],
  ])("%s is wrong usage", async (words, message) => {
    expect(await line(words)).toEqual({ exitCode: 64, stdout: "", stderr: `netsplit: ${message}\n` })
  })
})

describe("netsplit replay", () => {
  test("of a plan says what became of each entry, and what failed", async () => {
    const { exitCode, stdout } = await line(`replay ${file}`)
    expect(exitCode).toBe(1)
    expect(stdout).toMatch(/kick .*"act":"kick".* done\n/)
    expect(stdout).toContain("live (outage-orphan): ")
  })

  test("--until stops there, and shows what the server at work sees", async () => {
    const { exitCode, stdout } = await line(`replay ${file} --until 1000`)
    expect(exitCode).toBe(2)
    expect(stdout).toMatch(/Stopped at step 1000, at work: (?:s\d|nobody)\.\n\ns\d\n {2}!/)
    expect(stdout).toContain("m.room.create|: ")
  })

  test("refuses what is no case, in one line", async () => {
    const bad = join(folder, "bad.json")
    writeFileSync(bad, JSON.stringify({ ...failing, sead: 1 }))
    const { exitCode, stderr } = await line(`replay ${bad}`)
    expect(exitCode).toBe(64)
    expect(stderr).toContain("sead")
    expect(stderr.trimEnd()).not.toContain("\n")
  })
})

test("netsplit shrink finds the smallest plan that fails in the same way, which replays to the same failure", async () => {
  const results = join(folder, "results.sqlite")
  const { exitCode, stdout } = await line(`shrink ${file} --workers 2 --json --results ${results}`)
  expect(exitCode).toBe(0)
  const shrunk = JSON.parse(stdout)
  expect(Object.keys(shrunk)).toEqual(["before", "after", "seconds", "caseFile", "sameFailure"])
  expect(shrunk.sameFailure).toBe(true)
  expect(shrunk.after.events).toBeLessThan(shrunk.before.events)
  expect(shrunk.after.servers).toBe(2)
  const { check, shape } = JSON.parse(readFileSync(shrunk.caseFile, "utf8"))
  expect({ check, shape }).toEqual({ check: "live", shape: "outage-orphan" })
  expect((await line(`replay ${shrunk.caseFile}`)).exitCode).toBe(1)
  rmSync(shrunk.caseFile)
  // The results database has it still.
  const again = await line(`replay 1 --results ${results}`)
  expect(again.exitCode).toBe(1)
  expect(again.stdout).toContain("live (outage-orphan): ")
}, 60_000)

test("failures of a sweep have ids, by which each is shown and replayed", async () => {
  const results = join(folder, "sweeps.sqlite")
  const recorded = (words: string) => line(`${words} --results ${results}`)
  await recorded("sweep random --seeds 33..34 --mutant one-refuses-all --workers 1 --json")
  const { cases } = JSON.parse((await recorded("results show 1 --json")).stdout)
  const last = cases.at(-1)
  expect(cases.length).toBeGreaterThan(1)
  const shown = (await recorded(`results show 1.${cases.length}`)).stdout
  expect(shown).toMatch(new RegExp(`^1\\.${cases.length} +${last.check}`, "m"))
  expect(shown).not.toMatch(/^1\.1 /m)
  const again = await recorded(`replay 1.${cases.length}`)
  expect(again.exitCode).toBe(1)
  expect(again.stdout).toContain(last.check)
  for (const { case_file } of cases) rmSync(case_file, { force: true })
}, 60_000)
