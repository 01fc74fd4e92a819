import { resolve } from "#spec-impl/core/state-resolution/resolve.ts"
import { StateMap } from "#spec-impl/core/state-resolution/state-map.ts"
import type { Mutant } from "./mutant.ts"
import { withResolution } from "./resolution.ts"

export const absenceAgrees: Mutant = {
  name: "absence-agrees",
  wrong: "what some states have and the others lack is in no conflict",
  real: "I10: RocketChat/homeserver#187",
  killedBy: "agree",
  mutation: withResolution((graph, stateSets, context) => {
    const put = StateMap.differences(stateSets).flatMap((key) => {
      const events = new Set(stateSets.map((state) => state.get(key)).filter((event) => event >= 0))
      return events.size === 1 ? [...events] : []
    })
    return resolve(
      graph,
      stateSets.map((state) => state.with(graph, { put, remove: [] })),
      context,
    )
  }),
}
