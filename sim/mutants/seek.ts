/** Finds the plans in which checks find mutants: the first seed, and the smallest plan that shrinking makes of its plan. */
import { determinism } from "../checks/determinism.ts"
import { makePlan } from "../explore/make-plan.ts"
import type { Plan } from "../explore/plan.ts"
import { type Failure, type PlanRun, runPlan } from "../explore/run-plan.ts"
import { runPlanTwice } from "../explore/search-seed.ts"
import { shrinkPlan } from "../explore/shrink.ts"
import type { Mutant } from "./mutant.ts"

/** No random plan of default size takes half as many. */
const endlessSteps = 300_000

const run = (plan: Plan, { killedBy }: Mutant, stepsAsked?: number): Promise<PlanRun> => {
  const isRepeated = killedBy === determinism.name
  const stepsMax = killedBy === "comes-to-an-end" ? endlessSteps : stepsAsked
  return (isRepeated ? runPlanTwice : runPlan)(plan, {
    transport: "direct",
    ...(stepsMax === undefined ? {} : { stepsMax }),
  })
}

/** What the check that is to find the mutant says; undefined where it is silent, or knows the failure as another's. */
const killIn = ({ failures }: PlanRun, { killedBy }: Mutant): Failure | undefined =>
  failures.find(({ check, shape }) => check === killedBy && shape === null)

/** The plan with servers that are as they should be. */
export const withoutMutants = (plan: Plan): Plan => ({
  ...plan,
  servers: plan.servers.map(({ mutant: _, ...server }) => server),
})

export interface Kill {
  /** What the check says of the plan. */
  readonly said: Failure | undefined
  /** What it says where no server is a mutant. */
  readonly saidWithout: Failure | undefined
}

/** What the check that is to find the mutant says of a plan, with it and without. */
export const judgeKill = async (plan: Plan, mutant: Mutant): Promise<Kill> => {
  const said = killIn(await run(plan, mutant), mutant)
  const { failures } = await run(withoutMutants(plan), mutant)
  return { said, saidWithout: failures.find(({ check }) => check === mutant.killedBy) }
}

/** The first seed from 1 to `seedMax` in whose random plan the check trips, by the mutant alone. */
export const seekSeed = async (mutant: Mutant, seedMax: number): Promise<number | undefined> => {
  for (let seed = 1; seed <= seedMax; seed++) {
    const plan = makePlan(seed, { ...mutant.wishes, mutant: mutant.name })
    if (killIn(await run(plan, mutant), mutant) === undefined) continue
    if ((await judgeKill(plan, mutant)).saidWithout === undefined) return seed
  }
  return undefined
}

/** The smallest plan that can be made of it in which the same is seen; `asksMax` bounds how many are tried. */
export const shrinkKill = async (mutant: Mutant, plan: Plan, asksMax: number): Promise<Plan> => {
  let asked = 0
  const ask = async (smaller: Plan, stepsMax?: number) => {
    asked += 1
    const ran = await run(smaller, mutant, stepsMax)
    if (killIn(ran, mutant) === undefined) return undefined
    const { failures } = await run(withoutMutants(smaller), mutant, stepsMax)
    if (failures.some(({ check }) => check === mutant.killedBy)) return undefined
    const idle = smaller.entries
      .map(({ id }) => id)
      .filter((id) => (ran.outcomes.get(id) ?? "refused").startsWith("refused"))
    return { steps: ran.steps, idle }
  }
  const first = await ask(plan)
  if (first === undefined) throw new Error(`${mutant.name} is not found in that plan`)
  return shrinkPlan(plan, {
    ask,
    first,
    parallel: 1,
    isOver: () => asked >= asksMax,
    onSmaller: () => undefined,
  })
}
