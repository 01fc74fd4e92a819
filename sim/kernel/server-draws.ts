/** What one server draws for its scheduling: by (seed, server, virtual instant, nth draw at it). */
import { drawInSeries, hashParts } from "./keyed-chance.ts"

export interface ServerDraws {
  /** The next draw of the server at this virtual instant: 32 bits. */
  readonly draw: () => number
  /** Whether its fiber is put back at the operation at hand. */
  readonly preempts: () => boolean
}

/** Draws of a series, at the instant that `nowMs` gives; that share of all operations is preempted. */
export const makeServerDraws = (series: number, nowMs: () => number, preemption: number): ServerDraws => {
  let atMs = Number.NaN
  let instant = 0
  let nth = 0
  const draw = (): number => {
    if (atMs !== nowMs()) {
      atMs = nowMs()
      instant = hashParts([series, 0], [atMs])[0]
      nth = 0
    }
    return drawInSeries(instant, nth++)
  }
  return { draw, preempts: makePreempts(draw, nowMs, preemption) }
}

/**
 * What is drawn is how many operations go by before the next that is preempted, so that most cost no draw. Each instant
 * begins anew, and does not depend on what was before it.
 */
const makePreempts = (draw: () => number, nowMs: () => number, preemption: number): (() => boolean) => {
  if (preemption <= 0) return () => false
  const logOfSpared = Math.log(1 - preemption)
  const drawSpared = (): number => Math.floor(Math.log(1 - draw() / 2 ** 32) / logOfSpared)
  let atMs = Number.NaN
  let spared = 0
  return () => {
    if (atMs !== nowMs()) {
      atMs = nowMs()
      spared = drawSpared()
    }
    if (spared-- > 0) return false
    spared = drawSpared()
    return true
  }
}
