/** One seed of a search: what a random plan comes to, and its plan where it fails. */
import { determinism, findDivergence } from "../checks/determinism.ts"
import type { Transport } from "../world/world.ts"
import type { PlanCase } from "./case.ts"
import { makePlan, type PlanWishes } from "./make-plan.ts"
import { runPlan } from "./run-plan.ts"

/** Of so many seeds one is run twice, to see whether it is the same. */
const repeatedEvery = 20

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
  const { failures, goals, storyEvents, traceHash } = await runPlan(plan, { transport })
  const diverges =
    seed % repeatedEvery === 0
      ? await findDivergence((onRecord) => runPlan(plan, { transport, onRecord }), traceHash)
      : undefined
  const all = [
    ...failures,
    ...(diverges === undefined ? [] : [{ check: determinism.name, why: diverges, shape: null }]),
  ]
  const byCheck = new Map(all.toReversed().map((failure) => [failure.check, failure]))
  return {
    seed,
    cases: [...byCheck.values()]
      .toReversed()
      .map(({ check, why, shape }) => ({ check, why, shape, transport, plan })),
    events: storyEvents,
    goals,
  }
}
