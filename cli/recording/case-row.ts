import type { PlanCase } from "#sim/explore/case.ts"
import { isFault } from "#sim/explore/plan.ts"

/** The row of `cases` for a plan that fails. */
export const caseRow = (
  { check, why, shape, transport, plan }: PlanCase,
  events: number,
  case_file: string,
) => ({
  ...{ check, why, transport, ...(shape === null ? {} : { shape }), case_file },
  ...{ events, servers: plan.servers.length, faults: plan.entries.filter(isFault).length, plan },
})
