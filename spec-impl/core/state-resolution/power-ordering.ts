/** The reverse topological power ordering (rooms/v2 §State resolution). */
import type { AuthContext } from "../auth-rules/auth-context.ts"
import { type Level, powerLevelForOrdering } from "../auth-rules/power-levels.ts"
import type { Event } from "../event.ts"
import type { AuthGraph } from "./auth-graph.ts"
import type { Explanation } from "./explanation.ts"
import type { IndexSet } from "./index-set.ts"
import { RankHeap } from "./rank-heap.ts"
import { compareByTime } from "./time-order.ts"

/**
 * Kahn's algorithm along the auth edges inside the set, earliest first; of the events that are ready it takes
 * the smallest. All comparisons are made once, by sorting: what the heap holds is the rank in that order.
 */
export const reverseTopologicalPowerOrdering = (
  graph: AuthGraph,
  set: IndexSet,
  context: AuthContext,
  explanation: Explanation | undefined,
): readonly number[] => {
  const ranked = rankedEvents(graph, set.members, context)
  const rankOf = new Int32Array(graph.size)
  ranked.forEach(({ index }, rank) => {
    rankOf[index] = rank
  })
  const { citers, citedLeft } = edgesInside(graph, set)
  const ready = new RankHeap(ranked.length)
  for (const index of set.members) if (citedLeft[index] === 0) ready.push(rankOf[index]!)
  const order: number[] = []
  for (let rank = ready.pop(); rank >= 0; rank = ready.pop()) {
    const { index, level } = ranked[rank]!
    order.push(index)
    explanation?.notePowerOrdered(graph, index, level)
    for (const citer of citers.get(index) ?? []) {
      citedLeft[citer]! -= 1
      if (citedLeft[citer] === 0) ready.push(rankOf[citer]!)
    }
  }
  return order
}

interface Ranked {
  readonly index: number
  readonly event: Event
  readonly level: Level
}

/** Sorted by the comparison relation: greater level of the sender, smaller time, smaller id. */
const rankedEvents = (
  graph: AuthGraph,
  indices: readonly number[],
  context: AuthContext,
): readonly Ranked[] =>
  indices
    .map((index): Ranked => ({ index, event: graph.event(index), level: senderLevel(graph, index, context) }))
    .sort((a, b) => (a.level > b.level ? -1 : a.level < b.level ? 1 : compareByTime(a.event, b.event)))

/** The sender's level, "when looking at their respective auth_events"; room 12's create event is in none. */
const senderLevel = (graph: AuthGraph, index: number, context: AuthContext): Level => {
  const { version } = graph
  const cited = graph.citedPowerLevels(index)
  const powerLevels = cited < 0 ? undefined : graph.event(cited)
  const needsCreate = powerLevels === undefined || version.auth.privilegedCreators
  const create = needsCreate ? createOf(graph, index) : undefined
  return powerLevelForOrdering(graph.event(index).sender, powerLevels, create, context)
}

const createOf = (graph: AuthGraph, index: number): Event | undefined => {
  if (graph.version.auth.createInAuthEvents === "forbidden") return graph.createEvent()
  for (const cited of graph.citedBy(index)) {
    const event = graph.event(cited)
    if (event.type === "m.room.create" && event.stateKey === "") return event
  }
  return undefined
}

/** For each member its citers in the set, and how many of the events that it cites are in the set. */
const edgesInside = (graph: AuthGraph, set: IndexSet) => {
  const { starts, targets } = graph.edges
  const citers = new Map<number, number[]>()
  const citedLeft = new Int32Array(graph.size)
  for (const index of set.members) {
    const end = starts[index + 1]!
    for (let edge = starts[index]!; edge < end; edge++) {
      const cited = targets[edge]!
      if (!set.has(cited)) continue
      citedLeft[index]! += 1
      const known = citers.get(cited)
      if (known === undefined) citers.set(cited, [index])
      else known.push(index)
    }
  }
  return { citers, citedLeft }
}
