/**
 * Moments of a random plan, in which several users are at one thing: a room that argues over its topic, moderators who
 * all see to one guest. Who acts in a moment knows what was done before it, and nothing of what the others do in it.
 */
import { drawMs } from "../faults/draws.ts"
import type { Draws } from "../faults/fault.ts"
import { type Crew, drawsFor } from "./crew.ts"
import { storyMs } from "./openings.ts"

export interface Moment {
  readonly id: string
  readonly atMs: number
}

/** About so many actions fall into one moment, where all fall into some. */
const actionsOfMoment = 8
/** So long are the shortest and the longest time from its beginning until somebody acts. */
const spreadMsMin = 5
const spreadMsMax = 2_000
/** Of those who act in a moment so many do what it is about, one of two kinds. */
const atItShare = 0.7
const kindsOfMoment = 2

/** The moments of a plan with so many actions. */
export const momentsOf = ({ chance, faultsMs }: Crew, count: number): readonly Moment[] =>
  Array.from({ length: Math.max(1, Math.round(count / actionsOfMoment)) }, (_, at) => {
    const id = `m${at + 1}`
    return { id, atMs: storyMs + chance.integer(Math.max(1, faultsMs - storyMs), "moment", id, "at") }
  })

/** The moment that an entry falls into, if into any, and when it does. */
export const momentFor = ({ chance, options }: Crew, entryId: string, moments: readonly Moment[]) => {
  if (!chance.chance(options.momentShare ?? 0, "action", entryId, "in-moment")) return undefined
  const moment = chance.pick(moments, "action", entryId, "moment")
  return { moment, afterMs: drawMs(drawsFor(chance, "action", entryId), spreadMsMin, spreadMsMax, "after") }
}

/** What the moment is about, for an entry that is at it: a kind of action, and in each try the same room and target. */
export const aboutMoment = ({ chance }: Crew, entryId: string, { id }: Moment) => {
  if (!chance.chance(atItShare, "action", entryId, "at-it")) return undefined
  return {
    kind: chance.unit("moment", id, "kind", chance.integer(kindsOfMoment, "action", entryId, "side")),
    with: (draws: Draws, nth: number): Draws => {
      const shared = drawsFor(chance, "moment", id, nth)
      return {
        ...draws,
        pick: (items, ...key) =>
          (key[0] === "room" || key[0] === "target" ? shared : draws).pick(items, ...key),
      }
    },
  }
}
