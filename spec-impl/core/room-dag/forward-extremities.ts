import type { Arrival, TimelineRecord, Verdict } from "./event-record.ts"

/** What the extremities need to know of the history around an event. */
export interface History {
  /** Undefined for an event that is not part of the history. */
  readonly verdictOf: (eventId: string) => Verdict | undefined
  /** Whether it was fetched of the past. */
  readonly isHistorical: (eventId: string) => boolean
  readonly parentsOf: (eventId: string) => readonly string[]
  readonly childrenOf: (eventId: string) => readonly string[]
}

interface ChangingHistory extends History {
  /** Another number whenever another event is held, or an event otherwise. */
  readonly revision: number
}

/** An event that is about to become part of the history, whether at its end or in its middle. */
export interface Newcomer {
  readonly eventId: string
  readonly verdict: Verdict
  readonly arrival: Arrival
  readonly prevEvents: readonly string[]
}

/**
 * The forward extremities once `newcomer` is part of the history: the accepted events without an accepted
 * descendant. A rejected or soft-failed event is neither an extremity nor in the way: an accepted child of a
 * soft-failed event still covers that event's parents (server-server API §Soft failure, with its example).
 *
 * What is fetched of the past is never an extremity, though its children may be yet to come; once it is connected
 * with the present it covers whatever comes before it.
 *
 * A server that comes back covers by its join what it held before and what the join comes after. Where history between
 * the two is missing it cannot know what that is, and the join is all that it goes by.
 */
export const extremitiesWith = (
  before: ReadonlySet<string>,
  newcomer: Newcomer,
  history: History,
): ReadonlySet<string> => {
  const accepted = newcomer.verdict === "accepted"
  if (newcomer.arrival === "entry" && accepted) return extremitiesAfterEntry(before, newcomer, history)
  const covered = isCovered(newcomer.eventId, history)
  const isHistorical = newcomer.arrival === "historical"
  if (!covered && (!accepted || isHistorical)) return before
  const after = new Set(before)
  if (accepted && !covered) after.add(newcomer.eventId)
  const nearest = isHistorical ? [] : nearestAccepted(newcomer.prevEvents, history, history.parentsOf)
  for (const eventId of nearest) after.delete(eventId)
  // Behind one that was fetched of the past, which covers nothing by itself, are all others too.
  const past = isHistorical ? newcomer.prevEvents : nearest.filter(history.isHistorical)
  for (const tip of past.length > 0 ? before : []) if (isBefore(tip, past, history)) after.delete(tip)
  return after
}

/** The extremities that a record makes: asked for before it is committed, and once more when it is applied. */
export class ForeseenExtremities {
  #record: TimelineRecord | undefined
  #before: ReadonlySet<string> | undefined
  #revision = -1
  #after: ReadonlySet<string> = new Set()

  /** As `extremitiesWith`. */
  with(before: ReadonlySet<string>, record: TimelineRecord, history: ChangingHistory): ReadonlySet<string> {
    const { revision } = history
    if (this.#record === record && this.#before === before && this.#revision === revision) return this.#after
    const { event, verdict, arrival } = record
    const newcomer = { eventId: event.eventId, verdict, arrival, prevEvents: event.prevEvents }
    this.#after = extremitiesWith(before, newcomer, history)
    this.#record = record
    this.#before = before
    this.#revision = revision
    return this.#after
  }
}

/** Whether an accepted event comes after it. */
export const isCovered = (eventId: string, history: History): boolean => {
  const children = history.childrenOf(eventId)
  return children.length > 0 && nearestAccepted(children, history, history.childrenOf).length > 0
}

/**
 * Whether a tip is one of those events, or comes before one. It is sought from the tip: little comes after that, and all
 * of the history may come before them.
 */
const isBefore = (tip: string, eventIds: readonly string[], history: History): boolean => {
  const sought = new Set(eventIds)
  const seen = new Set<string>()
  const waiting = [tip]
  for (let eventId = waiting.pop(); eventId !== undefined; eventId = waiting.pop()) {
    if (sought.has(eventId)) return true
    if (seen.has(eventId)) continue
    seen.add(eventId)
    waiting.push(...history.childrenOf(eventId))
  }
  return false
}

const extremitiesAfterEntry = (
  before: ReadonlySet<string>,
  { eventId, prevEvents }: Newcomer,
  history: History,
): ReadonlySet<string> => {
  const earlier = ancestors(prevEvents, history)
  const knownGaps = new Set(gapsIn(ancestors([...before], history), history))
  const isConnected = gapsIn(earlier, history).every((gap) => knownGaps.has(gap))
  return new Set([...(isConnected ? [...before].filter((tip) => !earlier.has(tip)) : []), eventId])
}

const gapsIn = (eventIds: ReadonlySet<string>, history: History): readonly string[] =>
  [...eventIds].filter((eventId) => history.verdictOf(eventId) === undefined)

/** `start` and all that comes before it, with the ids at which the history breaks off. */
const ancestors = (start: readonly string[], history: History): ReadonlySet<string> => {
  const seen = new Set<string>()
  const waiting = [...start]
  for (let eventId = waiting.pop(); eventId !== undefined; eventId = waiting.pop()) {
    if (seen.has(eventId)) continue
    seen.add(eventId)
    waiting.push(...history.parentsOf(eventId))
  }
  return seen
}

/** The accepted events reached from `start` by `next`, passing through rejected and soft-failed ones only. */
const nearestAccepted = (
  start: readonly string[],
  history: History,
  next: (eventId: string) => readonly string[],
): readonly string[] => {
  // Mostly all of them are.
  if (start.every((eventId) => history.verdictOf(eventId) === "accepted")) return start
  const found: string[] = []
  const seen = new Set<string>()
  const waiting = [...start]
  for (let eventId = waiting.pop(); eventId !== undefined; eventId = waiting.pop()) {
    if (seen.has(eventId)) continue
    seen.add(eventId)
    const verdict = history.verdictOf(eventId)
    if (verdict === "accepted") found.push(eventId)
    else if (verdict !== undefined) waiting.push(...next(eventId))
  }
  return found
}
