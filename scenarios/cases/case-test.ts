/** What the tests are made of that `netsplit export --to test` writes. */
import { readFile } from "node:fs/promises"
import { basename } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import { expect, test } from "vitest"
import { type Case, readCase } from "#sim/explore/case.ts"
import { runPlan } from "#sim/explore/run-plan.ts"
import { runScenario } from "#sim/world/run-scenario.ts"
import { scenarios } from "../index.ts"

/** A test that the case of that file fails as it did, or that its check holds. */
export const testCase = (file: URL, expected: "fails" | "holds"): void => {
  const name = basename(fileURLToPath(file), ".json")
  test(`${name} ${expected}`, async () => {
    const found = await Effect.runPromise(readCase(JSON.parse(await readFile(file, "utf8"))))
    const failures = await failuresOf(found)
    const { check, shape } = found
    if (expected === "fails") expect(failures).toContainEqual({ check, shape })
    else expect(failures.filter((failure) => failure.check === check)).toEqual([])
  })
}

const failuresOf = async (found: Case): Promise<readonly Pick<Case, "check" | "shape">[]> => {
  if ("plan" in found) {
    const { failures } = await runPlan(found.plan, { transport: found.transport })
    return failures.map(({ check, shape }) => ({ check, shape }))
  }
  const { seed, roomVersion, transport, check, shape } = found
  const scenario = scenarios.find(({ name }) => name === found.scenario)
  if (scenario === undefined) throw new Error(`there is no scenario ${found.scenario}`)
  const { runs } = await runScenario(scenario, { seed, roomVersions: [roomVersion], transport })
  return runs.some(({ asExpected }) => !asExpected) ? [{ check, shape }] : []
}
