import { compareByTime } from "#spec-impl/core/state-resolution/time-order.ts"
import type { Mutant } from "./mutant.ts"
import { mainlinePositions, withSteps } from "./resolution.ts"

export const positionZero: Mutant = {
  name: "position-zero",
  wrong:
    "in the mainline ordering an event without power levels behind it stands with those of the newest ones",
  real: "I02: tuwunel 82132eec4",
  killedBy: "states",
  mutation: withSteps({
    mainlineOrder: (graph, others, powerLevels) => {
      const positions = mainlinePositions(graph, powerLevels)
      const positionOf = (index: number): number => (Number.isFinite(positions(index)) ? positions(index) : 0)
      return others.toSorted(
        (a, b) => positionOf(b) - positionOf(a) || compareByTime(graph.event(a), graph.event(b)),
      )
    },
  }),
}
