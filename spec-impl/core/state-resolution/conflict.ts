import { StateMap } from "./state-map.ts"

/** State sets to be resolved, and where they differ. */
export interface Conflict {
  readonly stateSets: readonly StateMap[]
  /** The keys whose value is not the same in every set; absence counts. */
  readonly keys: readonly number[]
  /** For each state set its events under those keys. */
  readonly events: readonly (readonly number[])[]
}

/**
 * Splits state sets (rooms/v2 §State resolution, "Unconflicted state map and conflicted state set"): what is not
 * in conflict is what any of the sets has under all other keys.
 */
export const conflictBetween = (stateSets: readonly StateMap[]): Conflict => {
  const keys = StateMap.differences(stateSets)
  const events = stateSets.map((state) => keys.map((key) => state.get(key)).filter((event) => event >= 0))
  return { stateSets, keys, events }
}
