import type { Event } from "#spec-impl/core/event.ts"
import { IndexSet } from "#spec-impl/core/state-resolution/index-set.ts"
import { isPowerEvent } from "#spec-impl/core/state-resolution/power-events.ts"
import type { Mutant } from "./mutant.ts"
import { withSteps } from "./resolution.ts"

const isLeave = ({ type, content }: Event): boolean =>
  type === "m.room.member" && content.membership === "leave"

export const leavesArePower: Mutant = {
  name: "leaves-are-power",
  wrong: "whoever leaves by itself is taken for a power event",
  real: "I11: Dendrite 0.9.7 (CHANGES)",
  killedBy: "states",
  mutation: withSteps({
    power: (graph, full, { readings }) => {
      const chosen = new IndexSet(graph.size)
      const inChain = new Set<number>()
      for (let index = graph.size - 1; index >= 0; index--) {
        const event = graph.event(index)
        const isChosen =
          full.has(index) && (inChain.has(index) || isPowerEvent(event, readings) || isLeave(event))
        if (isChosen) chosen.add(index)
        if (isChosen || inChain.has(index)) for (const cited of graph.citedBy(index)) inChain.add(cited)
      }
      return chosen
    },
  }),
}
