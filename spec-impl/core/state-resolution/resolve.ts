/** State resolution (rooms §State resolution): the one state that several states make up. */
import type { AuthContext } from "../auth-rules/authorise.ts"
import type { AuthGraph } from "./auth-graph.ts"
import { conflictBetween } from "./conflict.ts"
import type { Explanation } from "./explanation.ts"
import { StateMap } from "./state-map.ts"
import { resolveV1 } from "./v1.ts"
import { resolveV2 } from "./v2.ts"

/** Whatever resolves: the algorithms below, a memo of them, a mutant. */
export type Resolve = (
  graph: AuthGraph,
  stateSets: readonly StateMap[],
  context: AuthContext,
  explanation?: Explanation,
) => StateMap

/**
 * Resolves state sets of one graph by the algorithm of the room's version. The graph must hold their events with
 * all their auth chains. Neither the order of the sets nor that of the graph's indices matters. Where
 * `explanation` is given, every step is noted there.
 */
export const resolve: Resolve = (graph, stateSets, context, explanation) => {
  const [first] = stateSets
  if (first === undefined) return StateMap.empty
  const conflict = conflictBetween(stateSets)
  explanation?.noteConflict(graph, conflict)
  if (conflict.keys.length === 0) return first
  const algorithm = context.version.stateResolution === "v1" ? resolveV1 : resolveV2
  const result = algorithm(graph, conflict, context, explanation)
  explanation?.noteResult(graph, conflict, result)
  return result
}
