import type { Event } from "../event.ts"
import type { Readings } from "../readings.ts"
import type { AuthGraph } from "./auth-graph.ts"
import { rangeOf } from "./index-range.ts"
import { IndexSet } from "./index-set.ts"

/**
 * Whether a state event might take away somebody's ability to do something (rooms/v2 §State resolution, "Power
 * events"). By the text any state key will do for the first two types; Synapse and ruma want the empty one.
 */
export const isPowerEvent = ({ type, stateKey, sender, content }: Event, readings: Readings): boolean => {
  switch (type) {
    case "m.room.power_levels":
    case "m.room.join_rules":
      return stateKey === "" || readings.oddKeyPowerEvents === "yes"
    case "m.room.member": {
      const membership = content.membership
      return (membership === "leave" || membership === "ban") && sender !== stateKey
    }
    case "m.room.create":
      return stateKey === "" && readings.createPowerEvent === "yes"
    default:
      return false
  }
}

/**
 * The set X of step 1 (rooms/v2 §Algorithm): the power events of the full conflicted set, and what of that set
 * is in their auth chains. By the text through any events; Synapse and ruma stay inside the set.
 */
export const powerEventsWithChains = (graph: AuthGraph, full: IndexSet, readings: Readings): IndexSet => {
  const { starts, targets } = graph.edges
  const staysInside = readings.chainThroughUnconflicted === "inside-only"
  const inChain = new Uint8Array(graph.size)
  const chosen = new IndexSet(graph.size)
  const [oldest, newest] = rangeOf(full.members)
  for (let index = newest; index >= oldest; index--) {
    const isInside = full.has(index)
    const isChosen = isInside && (inChain[index] === 1 || isPowerEvent(graph.event(index), readings))
    if (isChosen) chosen.add(index)
    if (!isChosen && (inChain[index] === 0 || (staysInside && !isInside))) continue
    const end = starts[index + 1]!
    for (let edge = starts[index]!; edge < end; edge++) inChain[targets[edge]!] = 1
  }
  return chosen
}
