import { reverseTopologicalPowerOrdering } from "#spec-impl/core/state-resolution/power-ordering.ts"
import type { Mutant } from "./mutant.ts"
import { withSteps } from "./resolution.ts"

export const creatorsByContent: Mutant = {
  name: "creators-by-content",
  wrong:
    "in the order of power events the creator of a room of version 11 that has no power levels yet is who its create " +
    "event names in content, and that is nobody",
  real: "I12: synapse#18534, mended by #18547",
  killedBy: "states",
  byHand:
    "the creator must act by a clock that is ahead, before it sets the first power levels, and others not see these",
  mutation: withSteps({
    powerOrder: (graph, power, context) => {
      const auth = { ...context.version.auth, creator: "content" as const }
      const version = { ...context.version, auth }
      return reverseTopologicalPowerOrdering(graph, power, { ...context, version }, undefined)
    },
  }),
}
