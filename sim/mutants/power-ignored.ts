import { compareByTime } from "#spec-impl/core/state-resolution/time-order.ts"
import type { Mutant } from "./mutant.ts"
import { withSteps } from "./resolution.ts"

export const powerIgnored: Mutant = {
  name: "power-ignored",
  wrong:
    "power events are put in order by their auth_events and times, and not by the power of their senders",
  killedBy: "agree",
  mutation: withSteps({
    powerOrder: (graph, power) => {
      const left = [...power.members].sort((a, b) => compareByTime(graph.event(a), graph.event(b)))
      const order: number[] = []
      while (left.length > 0) {
        const isReady = (index: number) => [...graph.citedBy(index)].every((cited) => !left.includes(cited))
        order.push(...left.splice(left.findIndex(isReady), 1))
      }
      return order
    },
  }),
}
