// Shows what `netsplit run` asks of the engine, what it prints for people and for machines, and its exit codes.
import { describe, expect, test } from "vitest"
import type { Verdicts } from "#sim/world/report.ts"
import type { RunOptions } from "./engine.ts"
import { engineDouble } from "./testing/engine-double.ts"
import { runLine } from "./testing/run-line.ts"

describe("what the engine is asked for", () => {
  test.each<[string, RunOptions]>([
    ["run small-split", { seed: 1, roomVersions: ["10", "12"], transport: "http" }],
    ["run --json small-split --seed 0", { seed: 0, roomVersions: ["10", "12"], transport: "http" }],
    [
      "run small-split --seed 17 --room-version 12,2,12 --servers 4 --transport http",
      { seed: 17, roomVersions: ["12", "2"], transport: "http", servers: 4 },
    ],
    ["run small-heal --until 250", { seed: 1, roomVersions: ["12"], transport: "http", until: 250 }],
  ])("%s", async (line, options) => {
    const asked: RunOptions[] = []
    await runLine(line.split(" "), engineDouble(undefined, asked))
    expect(asked).toEqual([options])
  })
})

describe("what people see", () => {
  test("story, differing state, verdicts beside what was expected, reason, replay line", async () => {
    const { stdout, stderr } = await runLine(["run", "small-split", "--room-version", "10"])
    expect(stderr).toBe("")
    expect(stdout).toBe(`small-split: Two servers part (seed 1)

room version 10: as expected

  alice creates the room on s1
  bob joins from s2

  state that differs  s1                  s2
  m.room.topic|       topic by @alice:s1  —

  verdict  found                  expected
  agree    no (different-inputs)  no
  wanted   no                     no
  live     yes                    yes

  Why: s2 never got the topic.

  2 servers, 9 events, 21 requests, 300 steps, trace 10abcdef10abcdef
  60000 ms of virtual time in 13 ms of wall time

Repeat it: ./netsplit run small-split --seed 1
`)
  })

  test("colours only where there is a terminal that shows them", async () => {
    const escape = "\u001b["
    expect((await runLine(["run", "small-split"], engineDouble(), true)).stdout).toContain(escape)
    expect((await runLine(["run", "small-split"], engineDouble(), false)).stdout).not.toContain(escape)
  })

  test("servers that agree are said to", async () => {
    const { stdout } = await runLine(["run", "small-heal"])
    expect(stdout).toContain("All servers hold the same state.")
  })
})

describe("--json", () => {
  test("is one object with exactly the contract's keys, and a cause only where agree is no", async () => {
    const { stdout } = await runLine(["run", "small-split", "--seed", "17", "--json"])
    expect(stdout.trimEnd()).not.toContain("\n")
    const report = JSON.parse(stdout)
    expect(Object.keys(report)).toEqual(["scenario", "seed", "transport", "runs", "replay"])
    const verdicts = ["agree", "cause", "wanted", "live"]
    const rest = "asExpected traceHash steps virtualMs wallMs servers events requests state why".split(" ")
    expect(Object.keys(report.runs[0])).toEqual(["roomVersion", ...verdicts, ...rest])
    expect(Object.keys(report.runs[1])).toEqual(["roomVersion", "agree", "wanted", "live", ...rest])
    expect(report.runs[0].cause).toBe("different-inputs")
    expect(report.runs[0].state.s1).toEqual({ "m.room.topic|": "$a" })
  })
})

describe("exit codes", () => {
  test.each<[string, Verdicts | undefined, number]>([
    ["all as expected", undefined, 0],
    ["a verdict is not the expected one", { agree: "no", wanted: "yes", live: "yes" }, 1],
    ["a verdict is unknown", { agree: "unknown", wanted: "yes", live: "yes" }, 2],
    ["one is wrong and one unknown", { agree: "unknown", wanted: "no", live: "yes" }, 1],
  ])("%s", async (_, found, exitCode) => {
    const line = ["run", "small-heal", "--json"]
    expect((await runLine(line, engineDouble(found))).exitCode).toBe(exitCode)
  })
})
