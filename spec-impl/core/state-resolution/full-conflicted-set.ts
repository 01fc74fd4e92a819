import type { AuthContext } from "../auth-rules/authorise.ts"
import { authDifference } from "./auth-difference.ts"
import type { AuthGraph } from "./auth-graph.ts"
import type { Conflict } from "./conflict.ts"
import { conflictedSubgraph } from "./conflicted-subgraph.ts"
import type { Explanation } from "./explanation.ts"
import { IndexSet } from "./index-set.ts"

/**
 * The full conflicted set: the conflicted state set and the auth difference (rooms/v2 §State resolution), in
 * room 12 the conflicted state subgraph as well (rooms/v12 §State resolution).
 */
export const fullConflictedSet = (
  graph: AuthGraph,
  conflict: Conflict,
  context: AuthContext,
  explanation: Explanation | undefined,
): IndexSet => {
  const full = new IndexSet(graph.size)
  for (const events of conflict.events) for (const event of events) full.add(event)
  const difference = authDifference(graph, conflict, context.readings)
  explanation?.noteAuthDifference(graph, difference)
  if (context.version.stateResolution === "v2.1") {
    const subgraph = conflictedSubgraph(graph, full.members)
    explanation?.noteConflictedSubgraph(graph, subgraph)
    for (const event of subgraph) full.add(event)
  }
  for (const event of difference) full.add(event)
  return full
}
