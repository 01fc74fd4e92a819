import { authDifference } from "#spec-impl/core/state-resolution/auth-difference.ts"
import type { Mutant } from "./mutant.ts"
import { withSteps } from "./resolution.ts"

export const chainsHoldThemselves: Mutant = {
  name: "chains-hold-themselves",
  wrong:
    "the auth chain of an event holds the event itself: what all states have and only some rest on is in no auth difference",
  real: "I09: RocketChat/homeserver#193",
  killedBy: "states",
  mutation: withSteps({
    authDifference: (graph, conflict, { readings }) =>
      authDifference(graph, conflict, { ...readings, chainIncludesSelf: "yes" }),
  }),
}
