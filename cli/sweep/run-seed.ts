import { scenarios } from "#scenarios/index.ts"
import type { ScenarioCase } from "#sim/explore/case.ts"
import { searchSeed } from "#sim/explore/search-seed.ts"
import { BrokenRun, runScenario } from "#sim/world/run-scenario.ts"
import type { SeedResult, SweepJob } from "./job.ts"

/** Runs one seed of a sweep. */
export const runSeed = (job: SweepJob, seed: number): Promise<SeedResult> => {
  const { scenario, roomVersions, transport, hostile, faults, mutant } = job
  if (scenario !== undefined) return runScenarioSeed(scenario, job, seed)
  const wishes = {
    hostile,
    ...(roomVersions === undefined ? {} : { roomVersions }),
    ...(faults === undefined ? {} : { faults }),
    ...(mutant === undefined ? {} : { mutant }),
  }
  return searchSeed(seed, wishes, transport)
}

const runScenarioSeed = async (name: string, job: SweepJob, seed: number): Promise<SeedResult> => {
  const scenario = scenarios.find((story) => story.name === name)
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`)
  const { transport } = job
  const cases: ScenarioCase[] = []
  for (const roomVersion of job.roomVersions ?? scenario.roomVersionsDefault) {
    const said = { shape: null, transport, scenario: name, seed, roomVersion }
    try {
      const { runs } = await runScenario(scenario, { seed, roomVersions: [roomVersion], transport })
      for (const { asExpected, expected, why, agree, wanted, live } of runs) {
        const found = { agree, wanted, live }
        const check = (["agree", "wanted", "live"] as const).find(
          (verdict) => found[verdict] !== expected[verdict],
        )
        if (!asExpected) cases.push({ ...said, check: check ?? "as-expected", why })
      }
    } catch (error) {
      if (!(error instanceof BrokenRun)) throw error
      cases.push({ ...said, check: "no-defect", why: error.message.split("\n")[0] ?? "" })
    }
  }
  return { seed, cases, events: 0, goals: {} }
}
