// Shows that each way in which traces can contradict determinism is named, with the command that repeats it.
import { expect, test } from "vitest"
import { compareTraces, type RunLine } from "./compare-traces.ts"

const line = (seed: number, traceHash: string, way: RunLine["way"] = "first"): RunLine => ({
  scenario: "story",
  seed,
  roomVersion: "10",
  way,
  traceHash,
})
const sound = [line(1, "a"), line(2, "b"), line(1, "a", "again"), line(1, "a", "without-memos")]

test("equal processes whose seeds differ are sound", () => {
  expect(compareTraces(sound, sound)).toEqual([])
})

test("the first difference between two processes, and its replay line", () => {
  const other = [line(1, "a"), line(2, "x"), line(1, "y", "again"), line(1, "a", "without-memos")]
  expect(compareTraces(sound, other)).toEqual([
    "two processes differ in story, room version 10, seed 2, at first: b, x",
    "./netsplit run story --seed 2 --room-version 10",
  ])
})

test("a process that stopped early differs", () => {
  expect(compareTraces(sound, sound.slice(0, 3))[0]).toMatch(/without memos: a, no trace$/)
})

test.each(["again", "without-memos"] as const)("a seed that differs from itself: %s", (way) => {
  const lines = [line(1, "a"), line(2, "b"), line(1, "c", way)]
  expect(compareTraces(lines, lines)[0]).toMatch(/^one process differs in .*: a before, c now$/)
})

test("two seeds with one trace", () => {
  const lines = [line(1, "a"), line(2, "a")]
  expect(compareTraces(lines, lines)[0]).toMatch(/^two runs have one trace: .*seed 1.*seed 2/)
})

test("no runs prove nothing", () => {
  expect(compareTraces([], [])).toEqual(["there are no runs to compare"])
})
