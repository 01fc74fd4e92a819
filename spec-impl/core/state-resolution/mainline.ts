/** §Mainline ordering (rooms/v2 §Definitions): by how far back in the history of power an event was made. */
import type { AuthGraph } from "./auth-graph.ts"
import type { Explanation } from "./explanation.ts"
import { compareByTime } from "./power-ordering.ts"

const unknown = -2

/** `members`, earliest first, by the mainline of `powerLevels` (−1 where there are none resolved). */
export const mainlineOrder = (
  graph: AuthGraph,
  members: readonly number[],
  powerLevels: number,
  explanation: Explanation | undefined,
): readonly number[] => {
  const positions = new Float64Array(graph.size).fill(unknown)
  let position = 0
  for (let index = powerLevels; index >= 0; index = citedPowerLevels(graph, index)) {
    positions[index] = position++
    explanation?.mainline.push(graph.event(index).eventId)
  }
  const placed = members.map((index) => ({ index, position: positionOf(graph, index, positions) }))
  placed.sort((a, b) =>
    a.position === b.position
      ? compareByTime(graph.event(a.index), graph.event(b.index))
      : a.position > b.position
        ? -1
        : 1,
  )
  if (explanation !== undefined) {
    for (const { index, position } of placed) {
      const { eventId, originServerTs } = graph.event(index)
      explanation.mainlineOrder.push({ eventId, position, originServerTs })
    }
  }
  return placed.map(({ index }) => index)
}

/** The place in the mainline of the first power levels behind an event, itself not counted; ∞ for none. */
const positionOf = (graph: AuthGraph, index: number, positions: Float64Array): number => {
  const passed: number[] = []
  let found = Number.POSITIVE_INFINITY
  for (let at = citedPowerLevels(graph, index); at >= 0; at = citedPowerLevels(graph, at)) {
    if (positions[at] !== unknown) {
      found = positions[at]!
      break
    }
    passed.push(at)
  }
  for (const at of passed) positions[at] = found
  return found
}

const citedPowerLevels = (graph: AuthGraph, index: number): number => {
  const key = graph.knownKeyIndex("m.room.power_levels", "")
  for (let edge = graph.edgesFrom(index); edge < graph.edgesTo(index); edge++) {
    const cited = graph.citedAt(edge)
    if (graph.keyOfEvent(cited) === key) return cited
  }
  return -1
}
