/** The auth difference (rooms/v2 §State resolution, "Auth difference"): ∪ C_i − ∩ C_i. */
import type { Readings } from "../readings.ts"
import type { AuthGraph } from "./auth-graph.ts"
import type { Conflict } from "./conflict.ts"
import { rangeOf } from "./index-range.ts"

/** State sets are swept this many at a time: one bit each. */
const setsPerSweep = 31

/**
 * Events that are in the full auth chain of some state set, but not of all.
 *
 * What all sets agree on is in all of their chains with all its own chain. So only the chains of conflicted
 * events can make a difference, and what agreed events lead to is taken out again.
 */
export const authDifference = (
  graph: AuthGraph,
  conflict: Conflict,
  readings: Readings,
): readonly number[] => {
  const includesSelf = readings.chainIncludesSelf === "yes"
  const isCandidate = candidates(graph, conflict, includesSelf)
  const oldest = isCandidate.indexOf(1)
  if (oldest < 0) return []
  const agreed = chainOfAgreed(graph, conflict, includesSelf, oldest)
  const difference: number[] = []
  for (let index = oldest; index < isCandidate.length; index++) {
    if (isCandidate[index] === 1 && agreed[index] === 0) difference.push(index)
  }
  return difference
}

/**
 * Marks what is in the chains of the conflicted events of some sets, but not of all. Sweeps from the newest event
 * to the oldest: each hands on, to those it cites, the sets in whose chain it is.
 */
const candidates = (graph: AuthGraph, { events }: Conflict, includesSelf: boolean): Uint8Array => {
  const { starts, targets } = graph.edges
  const [, newest] = rangeOf(events.flat())
  const size = newest + 1
  const isCandidate = new Uint8Array(size)
  const inAllUntilNow = new Uint8Array(size).fill(1)
  for (let from = 0; from < events.length; from += setsPerSweep) {
    const sets = events.slice(from, from + setsPerSweep)
    const all = 2 ** sets.length - 1
    const members = membersBySet(size, sets)
    const chains = includesSelf ? members.slice() : new Int32Array(size)
    for (let index = newest; index >= 0; index--) {
      const chain = chains[index]!
      if (chain !== all) inAllUntilNow[index] = 0
      const handedOn = chain | members[index]!
      if (handedOn === 0) continue
      if (chain !== 0) isCandidate[index] = 1
      const end = starts[index + 1]!
      for (let edge = starts[index]!; edge < end; edge++) chains[targets[edge]!]! |= handedOn
    }
  }
  for (let index = 0; index < size; index++) if (inAllUntilNow[index] === 1) isCandidate[index] = 0
  return isCandidate
}

/** For each event a bit for each set that has it. */
const membersBySet = (size: number, sets: readonly (readonly number[])[]): Int32Array => {
  const members = new Int32Array(size)
  sets.forEach((events, set) => {
    for (const event of events) members[event]! |= 1 << set
  })
  return members
}

/** Marks what is in the auth chain of an event that all sets agree on; nothing older than `oldest` matters. */
const chainOfAgreed = (
  graph: AuthGraph,
  { stateSets, keys }: Conflict,
  includesSelf: boolean,
  oldest: number,
): Uint8Array => {
  const { starts, targets } = graph.edges
  const isConflicted = new Uint8Array(graph.keyCount)
  for (const key of keys) isConflicted[key] = 1
  const chain = new Uint8Array(graph.size)
  const members = new Uint8Array(graph.size)
  stateSets[0]!.forEach((event, key) => {
    if (event < oldest || isConflicted[key] === 1) return
    members[event] = 1
    if (includesSelf) chain[event] = 1
  })
  for (let index = graph.size - 1; index > oldest; index--) {
    if (members[index] === 0 && chain[index] === 0) continue
    const end = starts[index + 1]!
    for (let edge = starts[index]!; edge < end; edge++) chain[targets[edge]!] = 1
  }
  return chain
}
