// Shows that the first step at which two runs part is found, and said in words.
import { expect, test } from "vitest"
import { serverHash } from "#sim/kernel/server-runtime.ts"
import { describeStep, firstDifference, SteppedTrace } from "./steps.ts"

/** s1 asks s2, which takes so long to answer. */
const run = (answerMs: number, answer = "yes") => {
  const trace = new SteppedTrace()
  trace.step(serverHash(""), 1_000)
  trace.record("attach", "s1")
  trace.record("attach", "s2")
  trace.step(serverHash("s1"), 1_000)
  trace.record("request", "1", "s1", "s2", "PUT", "/send/1", "", new Uint8Array(3))
  trace.step(serverHash("s1"), 1_010)
  trace.record("delivered", "1")
  trace.step(serverHash("s2"), 1_010 + answerMs)
  trace.record("store", "s2", new TextEncoder().encode(answer))
  trace.step(serverHash("s1"), 1_050)
  trace.record("answer", "1")
  return trace.kept
}

test("runs that are the same have no differing step", () => {
  expect(firstDifference(run(1), run(1))).toBeUndefined()
})

test("the first step that differs in its time, in what was done, or by not being there", () => {
  expect(firstDifference(run(1), run(2))).toBe(4)
  expect(firstDifference(run(1), run(1, "yet"))).toBe(4)
  expect(firstDifference(run(1), run(1).slice(0, 2))).toBe(3)
})

test("a step in words: whose, when, and what that server was answering", () => {
  expect(describeStep(run(1, "no"), 4)).toMatch(
    /^step 4, of s2, at 11 ms, which was answering s1's PUT \/send\/1: store s2 2 bytes \S+$/,
  )
  expect(describeStep(run(1), 5)).toBe("step 5, of s1, at 50 ms: answer 1")
  expect(describeStep(run(1), 9)).toBe("the run has ended")
})

test("who dies of a request is said to answer it, though that is over in the same step", () => {
  const trace = new SteppedTrace()
  trace.step(serverHash(""), 1_000)
  trace.record("attach", "s2")
  trace.record("request", "1", "s1", "s2", "PUT", "/send/1", "", new Uint8Array(3))
  trace.record("delivered", "1")
  trace.step(serverHash("s2"), 1_001)
  trace.record("handler-died", "s2")
  trace.record("answer", "1", "reset")
  expect(describeStep(trace.kept, 2)).toBe(
    "step 2, of s2, at 1 ms, which was answering s1's PUT /send/1: handler-died s2; answer 1 reset",
  )
})
