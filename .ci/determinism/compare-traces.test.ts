// Shows that each way in which traces can contradict determinism is named, with the run that shows it.
import { expect, test } from "vitest"
import { compareTraces, type RunLine, replayOf } from "./compare-traces.ts"

const line = (seed: number, traceHash: string, way: RunLine["way"] = "first"): RunLine => ({
  scenario: "story",
  seed,
  roomVersion: "10",
  transport: "http",
  way,
  traceHash,
})
const sound = [line(1, "a"), line(2, "b"), line(1, "a", "again"), line(1, "a", "without-memos")]
const firstOf = (here: readonly RunLine[], there = here) => compareTraces(here, there)[0]

test("equal processes whose seeds differ are sound", () => {
  expect(compareTraces(sound, sound)).toEqual([])
})

test("the first difference between two processes", () => {
  const other = [line(1, "a"), line(2, "x"), line(1, "y", "again"), line(1, "a", "without-memos")]
  expect(compareTraces(sound, other)).toEqual([
    {
      what: "two processes differ in story, room version 10, seed 2, http, at first: b, x",
      runs: [line(2, "b")],
    },
  ])
})

test("a process that stopped early differs", () => {
  expect(firstOf(sound, sound.slice(0, 3))?.what).toMatch(/without memos: a, no trace$/)
})

test("a run that asked the world outside, though both processes trace it alike", () => {
  const lines = [line(1, "a"), { ...line(2, "b"), problem: "Math.random was called" }]
  expect(firstOf(lines)).toEqual({
    what: "story, room version 10, seed 2, http, at first: Math.random was called",
    runs: [lines[1]],
  })
})

test.each(["again", "without-memos"] as const)("a seed that differs from itself: %s", (way) => {
  const lines = [line(1, "a"), line(2, "b"), line(1, "c", way)]
  expect(firstOf(lines)?.what).toMatch(/^one process differs in .*: a before, c now$/)
})

test("two seeds with one trace; transports are two runs as well", () => {
  const lines = [line(1, "a"), line(2, "a")]
  expect(firstOf(lines)?.what).toMatch(/^two runs have one trace: .*seed 1.*seed 2/)
  expect(firstOf([line(1, "a"), { ...line(1, "a"), transport: "direct" }])?.runs).toHaveLength(2)
})

test("no runs prove nothing", () => {
  expect(firstOf([])?.what).toBe("there are no runs to compare")
})

test("the command that repeats a run", () => {
  expect(replayOf(line(2, "b"))).toBe("./netsplit run story --seed 2 --room-version 10 --transport http")
  expect(replayOf({ ...line(2, "b"), scenario: "random", transport: "direct" })).toBe(
    "./netsplit sweep random --hostile --seeds 2 --transport direct",
  )
})
