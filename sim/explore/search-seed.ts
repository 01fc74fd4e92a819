/** One seed of a search: what a random plan comes to, and its plan where it fails. */
import { determinism, findDivergence } from "../checks/determinism.ts"
import type { Transport } from "../world/world.ts"
import type { PlanCase } from "./case.ts"
import { makePlan, type PlanWishes } from "./make-plan.ts"
import type { Plan } from "./plan.ts"
import { type Failure, type PlanRun, type PlanRunOptions, runPlan } from "./run-plan.ts"

/** Of so many seeds one is run twice, to see whether it is the same. */
const repeatedEvery = 20

export interface SeedFound {
  readonly seed: number
  readonly cases: readonly PlanCase[]
  readonly events: number
  /** How often each goal was reached. */
  readonly goals: Readonly<Record<string, number>>
}

/** Runs the random plan of that seed. Failures of one check are one case: of one that is not recognised, where there is any. */
export const searchSeed = async (
  seed: number,
  wishes: PlanWishes,
  transport: Transport,
): Promise<SeedFound> => {
  const plan = makePlan(seed, wishes)
  const { failures, goals, storyEvents } = await (seed % repeatedEvery === 0 ? runPlanTwice : runPlan)(plan, {
    transport,
  })
  return {
    seed,
    cases: oneOfEach(failures).map(({ check, why, shape }) => ({ check, why, shape, transport, plan })),
    events: storyEvents,
    goals,
  }
}

/** Of each check the first failure that is not recognised, or else the first. */
export const oneOfEach = (failures: readonly Failure[]): readonly Failure[] => {
  const byCheck = new Map<string, Failure>()
  for (const failure of failures) {
    const known = byCheck.get(failure.check)
    if (known === undefined || (known.shape !== null && failure.shape === null)) {
      byCheck.set(failure.check, failure)
    }
  }
  return [...byCheck.values()]
}

/** Runs a plan, and once more to see whether that is the same. */
export const runPlanTwice = async (
  plan: Plan,
  options: Pick<PlanRunOptions, "transport" | "stepsMax">,
): Promise<PlanRun> => {
  const run = await runPlan(plan, options)
  const why = await findDivergence((onRecord) => runPlan(plan, { ...options, onRecord }), run.traceHash)
  return why === undefined
    ? run
    : { ...run, failures: [...run.failures, { check: determinism.name, why, shape: null }] }
}
