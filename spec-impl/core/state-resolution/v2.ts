/** State resolution v2 (rooms/v2 §Algorithm) and v2.1 (rooms/v12 §Algorithm), which differ in two places. */
import type { AuthContext } from "../auth-rules/authorise.ts"
import type { AuthGraph } from "./auth-graph.ts"
import type { Explanation } from "./explanation.ts"
import { authDifference, conflictedEvents, conflictedSubgraph } from "./full-conflicted-set.ts"
import { checkIteratively, PartialState } from "./iterative-auth-checks.ts"
import { mainlineOrder } from "./mainline.ts"
import { powerOrder, powerSet } from "./power-ordering.ts"
import { StateMap } from "./state-map.ts"

/** Resolves sets that differ on `conflictedKeys`. */
export const resolveV2 = (
  graph: AuthGraph,
  stateSets: readonly StateMap[],
  conflictedKeys: readonly number[],
  context: AuthContext,
  explanation: Explanation | undefined,
): StateMap => {
  const isV21 = context.version.stateResolution === "v2.1"
  const unconflicted = conflictedKeys.reduce((state, key) => state.without(graph, key), stateSets[0]!)
  const full = fullConflictedSet(graph, stateSets, conflictedKeys, context, explanation)
  if (explanation !== undefined) explanation.unconflictedCount = unconflicted.size

  // Steps 1 and 2; v2.1 begins from nothing, so that what is unconflicted cannot speak against the past.
  const power = powerSet(graph, full, context.readings)
  const state = new PartialState(isV21 ? StateMap.empty : unconflicted)
  checkIteratively(graph, state, powerOrder(graph, power, explanation), context, explanation)

  // Steps 3 and 4.
  for (const index of power) full[index] = 0
  const others: number[] = []
  for (let index = 0; index < full.length; index++) if (full[index] === 1) others.push(index)
  const powerLevels = state.get(graph.knownKeyIndex("m.room.power_levels", ""))
  checkIteratively(graph, state, mainlineOrder(graph, others, powerLevels, explanation), context, explanation)

  // Step 5: the unconflicted map stands over all.
  let result = unconflicted
  for (const [key, index] of state.decided) {
    if (unconflicted.get(key) < 0) result = result.set(graph, index)
  }
  return result
}

/** The full conflicted set, as marks. */
const fullConflictedSet = (
  graph: AuthGraph,
  stateSets: readonly StateMap[],
  conflictedKeys: readonly number[],
  context: AuthContext,
  explanation: Explanation | undefined,
): Uint8Array => {
  const conflicted = conflictedEvents(stateSets, conflictedKeys)
  const full = authDifference(graph, stateSets, context.readings.chainIncludesSelf === "yes")
  explanation?.conflicted.push(...idsOf(graph, conflicted))
  explanation?.authDifference.push(...idsOf(graph, marked(full)))
  for (const index of conflicted) full[index] = 1
  if (context.version.stateResolution !== "v2.1") return full
  const subgraph = conflictedSubgraph(graph, conflicted)
  explanation?.conflictedSubgraph.push(...idsOf(graph, marked(subgraph)))
  for (let index = 0; index < full.length; index++) if (subgraph[index] === 1) full[index] = 1
  return full
}

const marked = (marks: Uint8Array): readonly number[] =>
  Array.from(marks.keys()).filter((index) => marks[index] === 1)

const idsOf = (graph: AuthGraph, indices: readonly number[]): readonly string[] =>
  indices.map((index) => graph.event(index).eventId).sort()
