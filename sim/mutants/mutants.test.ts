/** Each mutant is found by the check that is there for it, which says nothing of the same run without it. */
import { readFile } from "node:fs/promises"
import { Effect } from "effect"
import { describe, expect, test } from "vitest"
import { checks } from "../checks/checks.ts"
import { determinism } from "../checks/determinism.ts"
import { readPlan } from "../explore/plan.ts"
import { mutants } from "./catalogue.ts"
import { judgeKill } from "./seek.ts"
import { mutantsTable } from "./table.ts"

/** What `runPlan` says itself; `no-reset` is a weakness of the specification, and no server's fault (`resets.test.ts`). */
const verdictsOfRuns = ["agree", "live", "core-live", "no-defect", "comes-to-an-end"]

const planOf = async (name: string) =>
  Effect.runSync(readPlan(JSON.parse(await readFile(new URL(`plans/${name}.json`, import.meta.url), "utf8"))))

describe("mutants", () => {
  test.each(mutants.map((mutant) => [mutant.name, mutant] as const))("%s is found", async (name, mutant) => {
    const plan = await planOf(name)
    expect(plan.servers.flatMap((server) => server.mutant ?? [])).toEqual([name])
    const { said, saidWithout } = await judgeKill(plan, mutant)
    expect(said).toBeDefined()
    expect(saidWithout).toBeUndefined()
  })

  test("there is one at least for each check", () => {
    const found = new Set(mutants.map(({ killedBy }) => killedBy))
    const all = [...checks.map(({ name }) => name), determinism.name, ...verdictsOfRuns]
    expect(all.filter((name) => !found.has(name))).toEqual([])
  })

  test("stand in docs/mutants.md", async () => {
    const docs = await readFile(new URL("../../docs/mutants.md", import.meta.url), "utf8")
    expect(docs).toBe(`${mutantsTable()}\n`)
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length)
  })
})
