/** One seed of a search: what a random plan comes to, and its plan where it fails. */
import type { Transport } from "../world/world.ts"
import type { PlanCase } from "./case.ts"
import { makePlan, type PlanWishes } from "./make-plan.ts"
import { runPlan } from "./run-plan.ts"

export interface SeedFound {
  readonly seed: number
  readonly cases: readonly PlanCase[]
  readonly events: number
  /** How often each goal was reached. */
  readonly goals: Readonly<Record<string, number>>
}

/** Runs the random plan of that seed. Failures of one check are one case. */
export const searchSeed = async (
  seed: number,
  wishes: PlanWishes,
  transport: Transport,
): Promise<SeedFound> => {
  const plan = makePlan(seed, wishes)
  const { failures, goals, storyEvents } = await runPlan(plan, { transport })
  const byCheck = new Map(failures.toReversed().map((failure) => [failure.check, failure]))
  return {
    seed,
    cases: [...byCheck.values()]
      .toReversed()
      .map(({ check, why, shape }) => ({ check, why, shape, transport, plan })),
    events: storyEvents,
    goals,
  }
}
