/** The events that may take power away, and the order in which they are replayed (rooms/v2 §Definitions). */
import { powerLevelForOrdering } from "../auth-rules/power-levels.ts"
import type { Event } from "../event.ts"
import type { Readings } from "../readings.ts"
import type { AuthGraph } from "./auth-graph.ts"
import type { Explanation } from "./explanation.ts"

/** §Power events. By the text any state key will do for the first two types: a reading. */
export const isPowerEvent = (event: Event, readings: Readings): boolean => {
  switch (event.type) {
    case "m.room.power_levels":
    case "m.room.join_rules":
      return event.stateKey === "" || readings.oddKeyPowerEvents === "yes"
    case "m.room.member": {
      const membership = event.content["membership"]
      return (membership === "leave" || membership === "ban") && event.sender !== event.stateKey
    }
    default:
      return false
  }
}

/**
 * Step 1 of the algorithm: the power events of the full conflicted set, and what of that set is in their auth
 * chains; by the text through any event, in Synapse and ruma along edges inside the set only: a reading.
 */
export const powerSet = (graph: AuthGraph, full: Uint8Array, readings: Readings): readonly number[] => {
  const reached = new Uint8Array(graph.size)
  const insideOnly = readings.chainThroughUnconflicted === "inside-only"
  const chosen: number[] = []
  for (let index = graph.size - 1; index >= 0; index--) {
    const inFull = full[index] === 1
    if (inFull && (reached[index] === 1 || isPowerEvent(graph.event(index), readings))) {
      chosen.push(index)
      reached[index] = 1
    }
    if (reached[index] === 0 || (insideOnly && !inFull)) continue
    for (let edge = graph.edgesFrom(index); edge < graph.edgesTo(index); edge++) reached[graph.citedAt(edge)] = 1
  }
  return chosen
}

/** §Reverse topological power ordering: Kahn's algorithm over auth edges within the set, the smallest first. */
export const powerOrder = (
  graph: AuthGraph,
  members: readonly number[],
  explanation: Explanation | undefined,
): readonly number[] => {
  const levels = new Map(members.map((index) => [index, senderLevel(graph, index)]))
  const ranked = members.toSorted((a, b) => {
    const [levelA, levelB] = [levels.get(a)!, levels.get(b)!]
    return levelA > levelB ? -1 : levelA < levelB ? 1 : compareByTime(graph.event(a), graph.event(b))
  })
  const rankOf = new Map(ranked.map((index, rank) => [index, rank]))
  const citers = new Map<number, number[]>()
  const citedLeft = new Map<number, number>()
  for (const index of members) {
    let count = 0
    for (let edge = graph.edgesFrom(index); edge < graph.edgesTo(index); edge++) {
      const cited = graph.citedAt(edge)
      if (!rankOf.has(cited)) continue
      count += 1
      const list = citers.get(cited)
      if (list === undefined) citers.set(cited, [index])
      else list.push(index)
    }
    citedLeft.set(index, count)
  }
  const ready = new RankHeap()
  for (const index of members) if (citedLeft.get(index) === 0) ready.push(rankOf.get(index)!)
  const order: number[] = []
  for (let rank = ready.pop(); rank !== undefined; rank = ready.pop()) {
    const index = ranked[rank]!
    order.push(index)
    for (const citer of citers.get(index) ?? []) {
      const left = citedLeft.get(citer)! - 1
      citedLeft.set(citer, left)
      if (left === 0) ready.push(rankOf.get(citer)!)
    }
  }
  if (explanation !== undefined) {
    for (const index of order) {
      const { eventId, originServerTs } = graph.event(index)
      explanation.powerOrder.push({ eventId, level: levels.get(index)!, originServerTs })
    }
  }
  return order
}

/** Smaller origin_server_ts first, then smaller event id; ids are ASCII, so their units are code points. */
export const compareByTime = (a: Event, b: Event): number =>
  a.originServerTs < b.originServerTs
    ? -1
    : a.originServerTs > b.originServerTs
      ? 1
      : a.eventId < b.eventId
        ? -1
        : a.eventId > b.eventId
          ? 1
          : 0

const senderLevel = (graph: AuthGraph, index: number): number | bigint => {
  const { version } = graph
  let powerLevels: Event | undefined
  let create = version.auth.createInAuthEvents === "forbidden" ? graph.createEvent() : undefined
  for (let edge = graph.edgesFrom(index); edge < graph.edgesTo(index); edge++) {
    const cited = graph.event(graph.citedAt(edge))
    if (cited.stateKey !== "") continue
    if (cited.type === "m.room.power_levels") powerLevels = cited
    else if (cited.type === "m.room.create") create = cited
  }
  return powerLevelForOrdering(graph.event(index).sender, powerLevels, create, version)
}

/** The smallest of a set of ranks, again and again. */
class RankHeap {
  readonly #ranks: number[] = []

  push(rank: number): void {
    const ranks = this.#ranks
    let at = ranks.length
    ranks.push(rank)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (ranks[parent]! <= rank) break
      ranks[at] = ranks[parent]!
      at = parent
    }
    ranks[at] = rank
  }

  pop(): number | undefined {
    const ranks = this.#ranks
    const smallest = ranks[0]
    const last = ranks.pop()
    if (last === undefined || ranks.length === 0) return smallest
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= ranks.length) break
      if (child + 1 < ranks.length && ranks[child + 1]! < ranks[child]!) child += 1
      if (ranks[child]! >= last) break
      ranks[at] = ranks[child]!
      at = child
    }
    ranks[at] = last
    return smallest
  }
}
