import type { AuthGraph } from "./auth-graph.ts"
import { rangeOf } from "./index-range.ts"

/**
 * The conflicted state subgraph (rooms/v12 §State resolution, "Conflicted state subgraph"): all that lies on a
 * path of auth edges from one conflicted event to another, ends included. That is what comes both before or at,
 * and after or at, a conflicted event: two sweeps over the indices between the oldest and the newest of them.
 */
export const conflictedSubgraph = (graph: AuthGraph, conflicted: readonly number[]): readonly number[] => {
  const { starts, targets } = graph.edges
  const [oldest, newest] = rangeOf(conflicted)
  const citedByConflicted = new Uint8Array(graph.size)
  const citesConflicted = new Uint8Array(graph.size)
  for (const index of conflicted) {
    citedByConflicted[index] = 1
    citesConflicted[index] = 1
  }
  for (let index = newest; index >= oldest; index--) {
    if (citedByConflicted[index] === 0) continue
    const end = starts[index + 1]!
    for (let edge = starts[index]!; edge < end; edge++) citedByConflicted[targets[edge]!] = 1
  }
  const subgraph: number[] = []
  for (let index = oldest; index <= newest; index++) {
    const end = starts[index + 1]!
    for (let edge = starts[index]!; edge < end && citesConflicted[index] === 0; edge++) {
      citesConflicted[index] = citesConflicted[targets[edge]!]!
    }
    if (citesConflicted[index] === 1 && citedByConflicted[index] === 1) subgraph.push(index)
  }
  return subgraph
}
