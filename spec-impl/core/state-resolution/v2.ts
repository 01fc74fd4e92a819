/** State resolution v2 (rooms/v2 §Algorithm) and v2.1 (rooms/v12 §Algorithm), which differ in two places. */
import type { AuthContext } from "../auth-rules/authorise.ts"
import type { AuthGraph } from "./auth-graph.ts"
import type { Conflict } from "./conflict.ts"
import type { Explanation } from "./explanation.ts"
import { fullConflictedSet } from "./full-conflicted-set.ts"
import { iterativeAuthChecks } from "./iterative-auth-checks.ts"
import { mainlineOrdering } from "./mainline.ts"
import { PartialState } from "./partial-state.ts"
import { powerEventsWithChains } from "./power-events.ts"
import { reverseTopologicalPowerOrdering } from "./power-ordering.ts"
import { StateMap } from "./state-map.ts"

/** Resolves what is in conflict; the steps are those of the specification. */
export const resolveV2 = (
  graph: AuthGraph,
  conflict: Conflict,
  context: AuthContext,
  explanation: Explanation | undefined,
): StateMap => {
  const agreed = conflict.stateSets[0]!
  const full = fullConflictedSet(graph, conflict, context, explanation)

  // Step 1.
  const power = powerEventsWithChains(graph, full, context.readings)
  const powerOrder = reverseTopologicalPowerOrdering(graph, power, context, explanation)

  // Step 2; v2.1 begins from nothing, so that what is agreed on now cannot speak against what was done then.
  const start = context.version.stateResolution === "v2.1" ? StateMap.empty : agreed
  const state = new PartialState(graph, start, conflict.keys)
  iterativeAuthChecks(graph, state, powerOrder, context, explanation)

  // Step 3.
  const others = full.members.filter((index) => !power.has(index))
  const powerLevels = state.get(graph.powerLevelsKey)
  const mainlineOrder = mainlineOrdering(graph, others, powerLevels, explanation)

  // Step 4.
  iterativeAuthChecks(graph, state, mainlineOrder, context, explanation)

  // Step 5.
  const isConflicted = new Set(conflict.keys)
  const isAgreed = (event: number): boolean => {
    const key = graph.keyOfEvent(event)
    return !isConflicted.has(key) && agreed.get(key) >= 0
  }
  const put = state.decidedEvents().filter((event) => !isAgreed(event))
  return agreed.with(graph, { put, remove: conflict.keys })
}
