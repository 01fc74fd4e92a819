/** State resolution v1 (rooms/v1 §State resolution). */
import { type AuthContext, authorise } from "../auth-rules/authorise.ts"
import { sha1Hex } from "../hash.ts"
import type { AuthGraph } from "./auth-graph.ts"
import { AuthView } from "./auth-view.ts"
import type { Conflict } from "./conflict.ts"
import type { Explanation } from "./explanation.ts"
import { PartialState } from "./partial-state.ts"
import type { StateMap } from "./state-map.ts"

/** Resolved one after the other, before everything else. */
const authTypes: readonly string[] = ["m.room.power_levels", "m.room.join_rules", "m.room.member"]

/**
 * Resolves what is in conflict; here that is a key for which those sets that have it have different events.
 *
 * Where the text is silent this does as Synapse, which made these rooms: the keys of one type do not see each
 * other's outcome, and where no event of a key passes, its lowest stays. Rejected events are treated as others:
 * the readings on them are of v2.
 */
export const resolveV1 = (
  graph: AuthGraph,
  conflict: Conflict,
  context: AuthContext,
  explanation: Explanation | undefined,
): StateMap => {
  const [first] = conflict.stateSets
  const state = new PartialState(graph, first!, conflict.keys)
  const conflicts = new Map<number, readonly number[]>()
  for (const key of conflict.keys) {
    const events = distinctUnder(key, conflict)
    if (events.length === 1) state.set(events[0]!)
    else conflicts.set(key, ordered(graph, events))
  }
  const check = checker(graph, state, context, explanation)
  const keysOf = (isWanted: (type: string) => boolean): readonly (readonly number[])[] =>
    [...conflicts].filter(([key]) => isWanted(graph.keyOf(key)[0])).map(([, events]) => events)
  for (const authType of authTypes) {
    const chosen = keysOf((type) => type === authType).map((events) => lastOfRun(events, check))
    for (const event of chosen) state.set(event)
  }
  const chosen = keysOf((type) => !authTypes.includes(type)).map((events) => highestAllowed(events, check))
  for (const event of chosen) state.set(event)
  return first!.with(graph, { put: state.decidedEvents(), remove: conflict.keys })
}

const distinctUnder = (key: number, { stateSets }: Conflict): readonly number[] => [
  ...new Set(stateSets.map((state) => state.get(key)).filter((event) => event >= 0)),
]

/** By ascending depth, then descending SHA-1 of the event id. */
const ordered = (graph: AuthGraph, events: readonly number[]): readonly number[] =>
  events
    .map((index) => ({ index, depth: graph.event(index).depth, sha1: sha1Hex(graph.event(index).eventId) }))
    .sort((a, b) => (a.depth === b.depth ? (a.sha1 < b.sha1 ? 1 : -1) : a.depth < b.depth ? -1 : 1))
    .map(({ index }) => index)

/** Whether the rules allow an event in R, with `inPlace` under the event's own key where that is given. */
type Check = (index: number, inPlace?: number) => boolean

const checker = (
  graph: AuthGraph,
  state: PartialState,
  context: AuthContext,
  explanation: Explanation | undefined,
): Check => {
  const view = new AuthView(graph, state, { fallsBack: false, skipsRejected: false })
  return (index, inPlace) => {
    view.begin(index, inPlace)
    const outcome = authorise(graph.event(index), view, context)
    explanation?.noteCheck(graph, index, outcome, view.answers)
    return outcome.allowed
  }
}

/** The first is taken unchecked, and each next one as long as it is allowed in R with the one before. */
const lastOfRun = (events: readonly number[], check: Check): number => {
  let chosen = events[0]!
  for (const next of events.slice(1)) {
    if (!check(next, chosen)) break
    chosen = next
  }
  return chosen
}

/** The one of greatest depth, then lowest SHA-1, that is allowed. */
const highestAllowed = (events: readonly number[], check: Check): number =>
  events.findLast((event) => check(event)) ?? events[0]!
