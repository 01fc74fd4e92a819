// Shows the small parts of the command line: lists after one flag, names that are nearly right, tables.
import { describe, expect, test } from "vitest"
import { suggestName } from "#sim/explore/nearest-name.ts"
import { repeatListFlags } from "./repeat-list-flags.ts"
import { layOutTable } from "./table.ts"

describe("a list after one flag", () => {
  test.each([
    ["resolve --corpus a b c", "resolve --corpus a --corpus b --corpus c"],
    ["resolve --corpus a --corpus b", "resolve --corpus a --corpus b"],
    ["resolve --corpus a b --expected x y", "resolve --corpus a --corpus b --expected x --expected y"],
    ["resolve --reading n=v m=w --json", "resolve --reading n=v --reading m=w --json"],
    ["resolve --corpus=a b", "resolve --corpus=a b"],
    ["run small-split --seed 1 more", "run small-split --seed 1 more"],
  ])("%s", (line, repeated) => {
    expect(repeatListFlags(line.split(" ")).join(" ")).toBe(repeated)
  })
})

describe("a name that is not known", () => {
  const known = ["phantom-join-rules", "netsplit-and-heal", "lost-promotion-chain"]
  test.each([
    ["phantom-join-rule", "did you mean phantom-join-rules?"],
    ["phantom", "did you mean phantom-join-rules?"],
    ["netsplit-and-heel", "did you mean netsplit-and-heal?"],
    ["nosuch", `known are ${known.join(", ")}`],
  ])("%s", (word, advice) => {
    expect(suggestName(word, known)).toBe(advice)
  })
})

test("a table's columns are as wide as their widest cell, and lines end without blanks", () => {
  expect(
    layOutTable([
      ["a", "b", "c"],
      ["longer", "—", ""],
    ]),
  ).toEqual(["a       b  c", "longer  —"])
})
