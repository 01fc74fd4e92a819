import type { AuthGraph } from "#spec-impl/core/state-resolution/auth-graph.ts"
import type { StateMap } from "#spec-impl/core/state-resolution/state-map.ts"
import type { Mutant } from "./mutant.ts"
import { withSteps } from "./resolution.ts"

const chainOf = (graph: AuthGraph, state: StateMap): ReadonlySet<number> => {
  const chain = new Set<number>()
  const waiting: number[] = []
  state.forEach((index) => void waiting.push(index))
  for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
    for (const cited of graph.citedBy(index)) {
      if (chain.has(cited)) continue
      chain.add(cited)
      waiting.push(cited)
    }
  }
  return chain
}

export const symmetricDifference: Mutant = {
  name: "symmetric-difference",
  wrong: "the auth difference is what is in an odd number of auth chains, not what is in some and not in all",
  real: "I01: tuwunel 631c51aa8",
  killedBy: "states",
  mutation: withSteps({
    authDifference: (graph, { stateSets }) => {
      const counts = new Map<number, number>()
      for (const state of stateSets) {
        for (const index of chainOf(graph, state)) counts.set(index, (counts.get(index) ?? 0) + 1)
      }
      return [...counts]
        .filter(([, count]) => count % 2 === 1)
        .map(([index]) => index)
        .sort((a, b) => a - b)
    },
  }),
}
