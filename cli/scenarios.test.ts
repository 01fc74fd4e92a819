// Shows that the list of scenarios can be read by people and machines, and that docs/scenarios.md is current.
import { readFile } from "node:fs/promises"
import { describe, expect, test } from "vitest"
import { Engine } from "./engine.ts"
import { runLine } from "./testing/run-line.ts"

describe("netsplit scenarios", () => {
  test("lists names and titles", async () => {
    const { stdout } = await runLine(["scenarios"])
    expect(stdout).toBe("small-split  Two servers part\nsmall-heal   Two servers meet again\n")
  })

  test("--json gives the verdicts expected in each room version", async () => {
    const { scenarios } = JSON.parse((await runLine(["scenarios", "--json"])).stdout)
    expect(scenarios[0]).toMatchObject({ name: "small-split", roomVersionsDefault: ["10", "12"] })
    expect(Object.keys(scenarios[0].expected)).toHaveLength(12)
    expect(scenarios[0].expected["11"]).toEqual({ agree: "no", wanted: "no", live: "yes" })
  })

  test("--markdown joins room versions that expect the same", async () => {
    const { stdout } = await runLine(["scenarios", "--markdown"])
    expect(stdout).toContain("| 1–11 | no | no | yes |\n| 12 | yes | yes | yes |")
  })

  test("docs/scenarios.md is what ./netsplit scenarios --markdown prints", async () => {
    const { stdout } = await runLine(["scenarios", "--markdown"], Engine.layer)
    expect(await readFile(new URL("../docs/scenarios.md", import.meta.url), "utf8")).toBe(stdout)
  })
})
