/** State resolution v1 (rooms/v1 §State resolution). */
import { type AuthContext, type AuthState, authorise } from "../auth-rules/authorise.ts"
import { sha1Hex } from "../hash.ts"
import type { AuthGraph } from "./auth-graph.ts"
import type { Explanation } from "./explanation.ts"
import type { StateMap } from "./state-map.ts"

/** The types that decide who may do what, in the order in which they are resolved. */
const authTypes = ["m.room.power_levels", "m.room.join_rules", "m.room.member"]

/** Resolves sets that differ on `differingKeys`; a key that only some sets have is not in conflict here. */
export const resolveV1 = (
  graph: AuthGraph,
  stateSets: readonly StateMap[],
  differingKeys: readonly number[],
  context: AuthContext,
  explanation: Explanation | undefined,
): StateMap => {
  let state = stateSets[0]!
  const conflicts = new Map<number, readonly number[]>()
  for (const key of differingKeys) {
    const candidates = [...new Set(stateSets.map((set) => set.get(key)).filter((index) => index >= 0))]
    const [only] = candidates
    if (candidates.length === 1) state = state.set(graph, only!)
    else {
      state = state.without(graph, key)
      conflicts.set(key, newestFirst(graph, candidates))
      explanation?.conflicted.push(...candidates.map((index) => graph.event(index).eventId))
    }
  }
  if (explanation !== undefined) explanation.unconflictedCount = state.size
  const allowed = (index: number, view: AuthState): boolean => {
    const event = graph.event(index)
    const outcome = authorise(event, view, context)
    explanation?.checks.push({
      eventId: event.eventId,
      key: graph.keyOf(graph.keyOfEvent(index)),
      outcome,
      by: [],
    })
    return outcome.allowed
  }
  const resolveWith = (isMine: (type: string) => boolean, choose: Choose): void => {
    const mine = [...conflicts].filter(([key]) => isMine(graph.keyOf(key)[0]))
    const chosen = mine.map(([, candidates]) => choose(graph, state, candidates, allowed))
    for (const index of chosen) state = state.set(graph, index)
  }
  for (const type of authTypes) resolveWith((mine) => mine === type, chooseByChain)
  resolveWith((mine) => !authTypes.includes(mine), chooseNewestAllowed)
  return state
}

type Choose = (
  graph: AuthGraph,
  state: StateMap,
  newestFirst: readonly number[],
  allowed: (index: number, view: AuthState) => boolean,
) => number

/** From the oldest, which stands unchecked, up to the first that the one before it does not allow. */
const chooseByChain: Choose = (graph, state, candidates, allowed) => {
  const [oldest, ...newer] = candidates.toReversed()
  let chosen = oldest!
  for (const index of newer) {
    if (!allowed(index, viewOf(graph, state.set(graph, chosen)))) break
    chosen = index
  }
  return chosen
}

/** The newest that is allowed; where none is, the oldest, as Synapse has it. */
const chooseNewestAllowed: Choose = (graph, state, candidates, allowed) => {
  const view = viewOf(graph, state)
  return candidates.find((index) => allowed(index, view)) ?? candidates.at(-1)!
}

const viewOf = (graph: AuthGraph, state: StateMap): AuthState => ({
  get: (type, stateKey) => {
    const index = state.get(graph.knownKeyIndex(type, stateKey))
    return index < 0 ? undefined : graph.event(index)
  },
})

/** Greater depth first, then smaller SHA-1 of the event id. */
const newestFirst = (graph: AuthGraph, candidates: readonly number[]): readonly number[] =>
  candidates
    .map((index) => ({ index, depth: graph.event(index).depth, hash: sha1Hex(graph.event(index).eventId) }))
    .sort((a, b) => (a.depth > b.depth ? -1 : a.depth < b.depth ? 1 : a.hash < b.hash ? -1 : 1))
    .map(({ index }) => index)
