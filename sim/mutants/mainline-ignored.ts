import { compareByTime } from "#spec-impl/core/state-resolution/time-order.ts"
import type { Mutant } from "./mutant.ts"
import { withSteps } from "./resolution.ts"

export const mainlineIgnored: Mutant = {
  name: "mainline-ignored",
  wrong: "what is no power event is put in order by time alone, whatever power levels it rests on",
  killedBy: "agree",
  mutation: withSteps({
    mainlineOrder: (graph, others) =>
      others.toSorted((a, b) => compareByTime(graph.event(a), graph.event(b))),
  }),
}
