/**
 * A room whose state was partial, decided anew with the whole state: the events are examined once more, in the
 * order in which they came, as a server would have done that knew all from the beginning. So what was rejected for
 * want of knowledge is taken back, and what was accepted for want of it is rejected or soft-failed.
 */
import type { Event } from "../event.ts"
import { StateMap } from "../state-resolution/state-map.ts"
import type { Claim, EventRecord, Objection } from "./event-record.ts"
import type { RoomDag } from "./room-dag.ts"
import { parentsFirst } from "./walks.ts"

/**
 * One event as it was taken in: an outlier may be part of the history later, and is then in a journal twice. With it
 * stands what a claim of the state before it named in vain.
 */
export type JournalEntry = readonly [eventId: string, place: EventRecord["place"], leftOut: readonly string[]]

/** The entry for a record that is being taken in. */
export const journalEntry = (record: EventRecord): JournalEntry => [
  record.event.eventId,
  record.place,
  record.place === "timeline" && record.stateSource.kind === "claimed"
    ? (record.stateSource.leftOut ?? [])
    : [],
]

/** The memberships before the join that were left out of partial state, as another server told them. */
export interface Omitted {
  readonly by: string
  /** Ids of the whole state before the join, and of its auth chain. */
  readonly stateIds: readonly string[]
  readonly chainIds: readonly string[]
  /** What of these was not held before: events that passed checks 1 to 3. */
  readonly events: readonly Event[]
}

/** The room with whole state, and its records in the order in which they were decided; or why there is none. */
export type DecidedAnew =
  | { readonly dag: RoomDag; readonly records: readonly EventRecord[] }
  | { readonly objection: Objection }

/**
 * `partial` is a room in which this server is by the join `joinId`, `journal` what it took in, from the first
 * outlier on. The join must be allowed by the whole state: else `omitted` was no state of this room.
 */
export const decideAnew = (
  partial: RoomDag,
  journal: readonly JournalEntry[],
  joinId: string,
  omitted: Omitted,
): DecidedAnew => {
  const dag = partial.withoutEvents()
  const records: EventRecord[] = []
  const take = (record: EventRecord): void => {
    dag.apply(record)
    records.push(record)
  }
  const joinAt = journal.findIndex(([eventId]) => eventId === joinId)
  const told = [...omitted.chainIds, ...omitted.stateIds, ...journal.slice(0, joinAt).map(([id]) => id)]
  const held = [...new Set(told)].flatMap((eventId) => partial.record(eventId)?.event ?? [])
  for (const event of parentsFirst([...held, ...omitted.events])) {
    if (dag.record(event.eventId) === undefined && dag.missingAuthEvents(event).length === 0) {
      take(dag.examineOutlier(event))
    }
  }
  const join = partial.timeline(joinId)!
  const state = withOmitted(partial, join.stateBefore, dag, omitted.stateIds)
  const entry = dag.examine(join.event, "entry", { state, by: omitted.by })
  if (entry.objection !== undefined) return { objection: entry.objection }
  take(entry)
  for (const [eventId, place, leftOut] of journal.slice(joinAt + 1)) {
    const { event } = partial.record(eventId)!
    if (dag.record(eventId)?.place === place) continue
    if (place === "outlier") take(dag.examineOutlier(event))
    else take(dag.examine(event, "new", claimOf(partial, eventId, dag, leftOut)))
  }
  return { dag, records }
}

/** Of the whole state only what can have been left out is taken: memberships. All else was told with the join. */
const withOmitted = (
  partial: RoomDag,
  told: StateMap,
  dag: RoomDag,
  stateIds: readonly string[],
): StateMap => {
  const members = stateIds.filter((eventId) => dag.record(eventId)?.event.type === "m.room.member")
  return claimedState(dag, [...members, ...partial.eventIdsIn(told)], "").state
}

/** The state before an event where it was claimed meanwhile: servers claim whole states only. */
const claimOf = (
  partial: RoomDag,
  eventId: string,
  dag: RoomDag,
  leftOut: readonly string[],
): Claim | undefined => {
  const { stateSource, stateBefore } = partial.timeline(eventId)!
  return stateSource.kind === "computed"
    ? undefined
    : claimedState(dag, [...partial.eventIdsIn(stateBefore), ...leftOut], stateSource.by)
}

/**
 * The state that those events make up, as `by` claims it. What is not held is passed over, and so is what is no state
 * event or is rejected by its own auth_events; of two under one key the later one counts.
 */
export const claimedState = (dag: RoomDag, eventIds: readonly string[], by: string): Claim => {
  const held = eventIds.flatMap((eventId) => dag.record(eventId) ?? [])
  return {
    state: StateMap.fromEvents(
      dag.graph,
      held.flatMap(({ index }) => (index < 0 ? [] : [index])),
    ),
    by,
    leftOut: held.flatMap(({ index, event }) => (index < 0 ? [event.eventId] : [])),
  }
}
