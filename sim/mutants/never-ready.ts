import { reverseTopologicalPowerOrdering } from "#spec-impl/core/state-resolution/power-ordering.ts"
import type { Mutant } from "./mutant.ts"
import { withSteps } from "./resolution.ts"

export const neverReady: Mutant = {
  name: "never-ready",
  wrong:
    "in the order of power events none comes before all that it cites: what cites an event that is in no conflict drops out",
  real: "I03: tuwunel 664391995",
  killedBy: "states",
  mutation: withSteps({
    powerOrder: (graph, power, context) => {
      const ordered = new Set<number>()
      return reverseTopologicalPowerOrdering(graph, power, context, undefined).filter((index) => {
        const isReady = [...graph.citedBy(index)].every((cited) => ordered.has(cited))
        if (isReady) ordered.add(index)
        return isReady
      })
    },
  }),
}
