/** The sets by which state resolution v2 begins (rooms/v2 §Definitions), as marks on the auth graph's indices. */
import type { AuthGraph } from "./auth-graph.ts"
import type { StateMap } from "./state-map.ts"

/** State sets are taken this many at a time, one bit each. */
const setsPerPass = 31

/** The conflicted state set: each event under a key on which the sets differ, once. */
export const conflictedEvents = (
  stateSets: readonly StateMap[],
  conflictedKeys: readonly number[],
): readonly number[] => {
  const events = new Set<number>()
  for (const key of conflictedKeys) {
    for (const state of stateSets) {
      const event = state.get(key)
      if (event >= 0) events.add(event)
    }
  }
  return [...events]
}

/**
 * The auth difference: the events that are in the full auth chain of some state set but not of all. One sweep
 * from the newest event to the oldest carries to each event the bits of the sets whose chains it is in.
 */
export const authDifference = (
  graph: AuthGraph,
  stateSets: readonly StateMap[],
  chainIncludesSelf: boolean,
): Uint8Array => {
  const inSome = new Uint8Array(graph.size)
  const inAll = new Uint8Array(graph.size).fill(1)
  for (let from = 0; from < stateSets.length; from += setsPerPass) {
    const sets = stateSets.slice(from, from + setsPerPass)
    const masks = chainMasks(graph, sets, chainIncludesSelf)
    const full = 2 ** sets.length - 1
    for (let index = 0; index < masks.length; index++) {
      if (masks[index] !== 0) inSome[index] = 1
      if (masks[index] !== full) inAll[index] = 0
    }
  }
  for (let index = 0; index < inSome.length; index++) if (inAll[index] === 1) inSome[index] = 0
  return inSome
}

const chainMasks = (graph: AuthGraph, sets: readonly StateMap[], chainIncludesSelf: boolean): Int32Array => {
  const masks = new Int32Array(graph.size)
  const members = new Int32Array(graph.size)
  sets.forEach((state, at) => {
    state.forEach((event) => {
      members[event] = members[event]! | (1 << at)
    })
  })
  for (let index = graph.size - 1; index >= 0; index--) {
    if (chainIncludesSelf) masks[index] = masks[index]! | members[index]!
    const carried = masks[index]! | members[index]!
    if (carried === 0) continue
    for (let edge = graph.edgesFrom(index); edge < graph.edgesTo(index); edge++) {
      const cited = graph.citedAt(edge)
      masks[cited] = masks[cited]! | carried
    }
  }
  return masks
}

/**
 * The conflicted state subgraph of v2.1 (rooms/v12 §Definitions): what lies on a path of auth edges from one
 * conflicted event to another, ends included. That is what both comes before and comes after some of them.
 */
export const conflictedSubgraph = (graph: AuthGraph, conflicted: readonly number[]): Uint8Array => {
  const before = new Uint8Array(graph.size)
  const after = new Uint8Array(graph.size)
  for (const index of conflicted) {
    before[index] = 1
    after[index] = 1
  }
  for (let index = graph.size - 1; index >= 0; index--) {
    if (before[index] === 0) continue
    for (let edge = graph.edgesFrom(index); edge < graph.edgesTo(index); edge++) before[graph.citedAt(edge)] = 1
  }
  for (let index = 0; index < graph.size; index++) {
    for (let edge = graph.edgesFrom(index); edge < graph.edgesTo(index) && after[index] === 0; edge++) {
      after[index] = after[graph.citedAt(edge)]!
    }
  }
  for (let index = 0; index < graph.size; index++) if (before[index] === 0) after[index] = 0
  return after
}
