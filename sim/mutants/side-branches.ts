import { conflictedSubgraph } from "#spec-impl/core/state-resolution/conflicted-subgraph.ts"
import type { Mutant } from "./mutant.ts"
import { withSteps } from "./resolution.ts"

export const sideBranches: Mutant = {
  name: "side-branches",
  wrong:
    "the conflicted state subgraph holds what its events cite as well, whether or not that leads to a conflicted event",
  real: "I04: tuwunel f2904f3ca",
  killedBy: "states",
  wishes: { roomVersions: ["12"] },
  mutation: withSteps({
    subgraph: (graph, conflicted, { version }) => {
      if (version.stateResolution !== "v2.1") return []
      const subgraph = conflictedSubgraph(graph, conflicted)
      return [...new Set(subgraph.flatMap((index) => [index, ...graph.citedBy(index)]))].sort((a, b) => a - b)
    },
  }),
}
