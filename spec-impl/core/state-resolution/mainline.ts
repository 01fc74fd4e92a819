/** The mainline ordering (rooms/v2 §State resolution). */
import type { Event } from "../event.ts"
import type { AuthGraph } from "./auth-graph.ts"
import type { Explanation } from "./explanation.ts"
import { compareByTime } from "./time-order.ts"

/** Sorted earliest first by the mainline of the event at `powerLevels`; −1: there is none, and no mainline. */
export const mainlineOrdering = (
  graph: AuthGraph,
  indices: readonly number[],
  powerLevels: number,
  explanation: Explanation | undefined,
): readonly number[] => {
  const mainline = new Mainline(graph, powerLevels)
  explanation?.noteMainline(graph, mainline.events)
  const placed = indices.map(
    (index): Placed => ({
      index,
      event: graph.event(index),
      position: mainline.positionOf(index),
    }),
  )
  placed.sort((a, b) =>
    a.position === b.position ? compareByTime(a.event, b.event) : b.position - a.position,
  )
  return placed.map(({ index, position }) => {
    explanation?.noteMainlineOrdered(graph, index, shown(position))
    return index
  })
}

interface Placed {
  readonly index: number
  readonly event: Event
  readonly position: number
}

const unknown = -1
/** ∞: greater than any position, as an integer. */
const noPosition = 0x7fff_ffff

/** The mainline of P_0, and where events stand by it. */
class Mainline {
  readonly #graph: AuthGraph
  readonly #positions: Int32Array
  /** P_0, P_1, …: each the m.room.power_levels event that the one before cites. */
  readonly events: readonly number[]

  constructor(graph: AuthGraph, powerLevels: number) {
    this.#graph = graph
    this.#positions = new Int32Array(graph.size).fill(unknown)
    const events: number[] = []
    for (let index = powerLevels; index >= 0; index = graph.citedPowerLevels(index)) {
      this.#positions[index] = events.length
      events.push(index)
    }
    this.events = events
  }

  /**
   * The index i of the first e_j, j ≥ 1, that is P_i. The list begins at e_1: an event that is itself in the
   * mainline stands by the one it cites. What is found is kept for all power levels passed on the way.
   */
  positionOf(index: number): number {
    const graph = this.#graph
    const positions = this.#positions
    const first = graph.citedPowerLevels(index)
    let at = first
    while (at >= 0 && positions[at] === unknown) at = graph.citedPowerLevels(at)
    const position = at < 0 ? noPosition : positions[at]!
    for (let passed = first; passed !== at; passed = graph.citedPowerLevels(passed))
      positions[passed] = position
    return position
  }
}

/** A position as people read it. */
const shown = (position: number): number => (position === noPosition ? Number.POSITIVE_INFINITY : position)
