// Shows that README.md shows what its commands print today, wall times aside.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { maskWallTimes, renewOutputs, shownOutputs } from "./readme.ts"
import { root } from "./source-files.ts"

const readme = readFileSync(join(root, "README.md"), "utf8")

describe("README.md", () => {
  test("shows the output of a command", () => {
    expect(shownOutputs(readme).map(({ line }) => line)).toContainEqual(expect.stringMatching(/^run /))
  })

  test("is what its commands print (node .ci/readme.ts --write renews it)", () => {
    expect(maskWallTimes(readme)).toBe(maskWallTimes(renewOutputs(readme)))
  })
})

test("a block is replaced whole, and all around it stays", () => {
  const document =
    "before\n\n<!-- output: ./netsplit run x -->\n\n```text\nold\n\nlines\n```\n\nafter ```code```\n"
  expect(shownOutputs(document)).toEqual([{ line: "run x", output: "old\n\nlines\n" }])
  expect(renewOutputs(document, (line) => `new ${line}\n`)).toBe(
    "before\n\n<!-- output: ./netsplit run x -->\n\n```text\nnew run x\n```\n\nafter ```code```\n",
  )
})
