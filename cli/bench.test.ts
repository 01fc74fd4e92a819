// Shows what `netsplit bench` prints for people and for machines; what it measures is nobody's promise.
import { Effect } from "effect"
import { expect, test } from "vitest"
import { measureEvents } from "#loadtest/bench/events.ts"
import type { Figure } from "#loadtest/bench/figure.ts"
import { layerNative } from "#spec-impl/homeserver/signatures/native.ts"
import { runLine } from "./testing/run-line.ts"

test("figures beside their limits, as a table and as JSON", async () => {
  const forPeople = await runLine(["bench", "hash"])
  expect(forPeople.exitCode).toBe(0)
  expect(forPeople.stdout).toMatch(/^what +µs +beside +µs +ratio\nJSON\.parse /)
  const figures: readonly Figure[] = JSON.parse((await runLine(["bench", "hash", "--json"])).stdout)
  expect(figures.map(({ name }) => name)).toContain("content hash")
  for (const { us, limitUs } of figures) expect(Math.min(us, limitUs)).toBeGreaterThan(0)
})

test("an unknown bench is wrong usage, and the nearest one is named", async () => {
  const { exitCode, stderr } = await runLine(["bench", "event"])
  expect([exitCode, stderr]).toEqual([64, 'netsplit: there is no bench "event"; did you mean events?\n'])
})

test("the events of the bench are all taken in", async () => {
  const bench = { pdusPerTransaction: 3, transactions: 20, rooms: 2, roomVersion: "12" }
  const { pduUs, verifyUs } = await Effect.runPromise(measureEvents(bench, layerNative("libsodium")))
  expect(Math.min(pduUs, verifyUs)).toBeGreaterThan(0)
})

test("worlds of the bench are named", async () => {
  const { exitCode, stderr } = await runLine(["bench", "sim", "--only", "week"])
  expect(exitCode).toBe(64)
  expect(stderr).toContain("week")
})
