/** State resolution (rooms §State resolution): the state that several states at once make up. */
import type { AuthContext } from "../auth-rules/authorise.ts"
import type { AuthGraph } from "./auth-graph.ts"
import { Explanation } from "./explanation.ts"
import { StateMap } from "./state-map.ts"
import { resolveV1 } from "./v1.ts"
import { resolveV2 } from "./v2.ts"

/** Whatever resolves: the algorithms themselves, a memo of them, a mutant. */
export type Resolve = (graph: AuthGraph, stateSets: readonly StateMap[], context: AuthContext) => StateMap

/**
 * Resolves state sets by the algorithm of the room's version. All their events, with their auth chains, are in
 * the graph. The order of the sets does not matter.
 */
export const resolve: Resolve = (graph, stateSets, context) => run(graph, stateSets, context, undefined)

/** The same, with all that was done on the way. */
export const explainResolution = (
  graph: AuthGraph,
  stateSets: readonly StateMap[],
  context: AuthContext,
): { readonly state: StateMap; readonly explanation: Explanation } => {
  const explanation = new Explanation(context.version.stateResolution)
  return { state: run(graph, stateSets, context, explanation), explanation }
}

const run = (
  graph: AuthGraph,
  stateSets: readonly StateMap[],
  context: AuthContext,
  explanation: Explanation | undefined,
): StateMap => {
  const [first] = stateSets
  if (first === undefined) return StateMap.empty
  const differingKeys = StateMap.differences(stateSets)
  if (differingKeys.length === 0) return first
  const algorithm = context.version.stateResolution === "v1" ? resolveV1 : resolveV2
  return algorithm(graph, stateSets, differingKeys, context, explanation)
}
