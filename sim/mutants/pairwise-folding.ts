import { resolve } from "#spec-impl/core/state-resolution/resolve.ts"
import type { Mutant } from "./mutant.ts"
import { withResolution } from "./resolution.ts"

export const pairwiseFolding: Mutant = {
  name: "pairwise-folding",
  wrong: "more than two states are resolved two at a time, one after the other",
  real: "I07: old Dendrite (CHANGES)",
  killedBy: "agree",
  mutation: withResolution((graph, [first, ...others], context) =>
    first === undefined
      ? resolve(graph, [], context)
      : others.reduce((merged, state) => resolve(graph, [merged, state], context), first),
  ),
}
