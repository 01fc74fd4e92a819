import { compareByTime } from "#spec-impl/core/state-resolution/time-order.ts"
import type { Mutant } from "./mutant.ts"
import { mainlinePositions, withSteps } from "./resolution.ts"

export const laterTimeFirst: Mutant = {
  name: "later-time-first",
  wrong:
    "of events that stand by the same power levels the later one is handled first, so that the earlier one stays",
  killedBy: "agree",
  mutation: withSteps({
    mainlineOrder: (graph, others, powerLevels) => {
      const positionOf = mainlinePositions(graph, powerLevels)
      return others.toSorted((a, b) =>
        positionOf(a) === positionOf(b)
          ? compareByTime(graph.event(b), graph.event(a))
          : positionOf(b) - positionOf(a),
      )
    },
  }),
}
