// Shows how readings are chosen on the command line: by value, or by who takes it.
import { describe, expect, test } from "vitest"
import { readingsDefault } from "#spec-impl/core/readings.ts"
import { parseReading, parseReadings } from "./parse-readings.ts"

test.each([
  ["no-join-rules=reject", { noJoinRules: "reject" }],
  ["no-join-rules=ruma", { noJoinRules: "reject" }],
  ["no-join-rules=invite", { noJoinRules: "invite" }],
  ["rejected-in-state=synapse", { rejectedInState: "skip" }],
  ["rejected-in-partial-state=spec", { rejectedInPartialState: "use" }],
  ["pl-default=gomatrixserverlib", { powerLevelDefaults: "fill-in" }],
  ["chain-includes-self=yes", { chainIncludesSelf: "yes" }],
])("%s", (text, readings) => {
  expect(parseReading(text)).toEqual({ readings })
})

describe("what is no reading is told in one line", () => {
  test.each([
    ["nonsense=1", 'unknown reading "nonsense"; known are no-join-rules, '],
    ["no-join-rules=maybe", "reading no-join-rules takes invite or reject (or spec, synapse, ruma"],
    ["no-join-rules", 'not ""'],
    ["no-join-rules=toString", 'not "toString"'],
    // Nothing is recorded of ruma there.
    ["chain-includes-self=ruma", 'not "ruma"'],
  ])("%s", (text, problem) => {
    expect(parseReading(text)).toEqual({ problem: expect.stringContaining(problem) })
    expect(() => parseReadings([text])).toThrow(problem)
  })
})

test("later ones win over earlier ones, and all over the defaults", () => {
  expect(parseReadings([])).toEqual(readingsDefault)
  expect(parseReadings(["no-join-rules=reject", "odd-key-power-events=no", "no-join-rules=invite"])).toEqual({
    ...readingsDefault,
    oddKeyPowerEvents: "no",
  })
})
