import { iterativeAuthChecks } from "#spec-impl/core/state-resolution/iterative-auth-checks.ts"
import type { Mutant } from "./mutant.ts"
import { withSteps } from "./resolution.ts"

export const endsAtObjection: Mutant = {
  name: "ends-at-objection",
  wrong:
    "the first event that the rules do not allow ends the iterative auth checks, and is not just left out",
  real: "as I08: ruma#1944, mended by #2035",
  killedBy: "states",
  mutation: withSteps({
    authChecks: (graph, state, order, context) => {
      for (const index of order) {
        iterativeAuthChecks(graph, state, [index], context, undefined)
        if (state.get(graph.keyOfEvent(index)) !== index) return
      }
    },
  }),
}
