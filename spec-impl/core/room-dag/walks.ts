import type { Event } from "../event.ts"
import type { RoomDag } from "./room-dag.ts"

/**
 * The auth chain of `eventIds`: everything they cite, directly or not, without themselves unless one cites
 * another (server-server API §Auth chain). Events come after those that they cite.
 */
export const authChain = (dag: RoomDag, eventIds: readonly string[]): readonly Event[] => {
  const chain: Event[] = []
  const entered = new Set<string>()
  const finished = new Set<string>()
  const waiting = eventIds.flatMap((eventId) => dag.record(eventId)?.event.authEvents ?? [])
  for (let eventId = waiting.at(-1); eventId !== undefined; eventId = waiting.at(-1)) {
    const event = dag.record(eventId)?.event
    if (event === undefined || finished.has(eventId)) {
      waiting.pop()
    } else if (entered.has(eventId)) {
      waiting.pop()
      finished.add(eventId)
      chain.push(event)
    } else {
      entered.add(eventId)
      for (const cited of event.authEvents) if (!finished.has(cited)) waiting.push(cited)
    }
  }
  return chain
}

/** Those of `eventIds` that are held, outliers included, in that order. */
export const eventsOf = (dag: RoomDag, eventIds: readonly string[]): readonly Event[] =>
  eventIds.flatMap((eventId) => {
    const record = dag.record(eventId)
    return record === undefined ? [] : [record.event]
  })

/**
 * What `/get_missing_events` answers (§Backfilling and retrieving missing events): breadth first from the
 * parents of `latest`, never past `earliest` nor below `depthMin`, at most `limit` events, oldest first.
 */
export const missingEvents = (
  dag: RoomDag,
  question: {
    readonly earliest: readonly string[]
    readonly latest: readonly string[]
    readonly limit: number
    readonly depthMin: number | bigint
  },
): readonly Event[] => {
  const stop = new Set([...question.earliest, ...question.latest])
  const parentsOf = (eventId: string): readonly string[] => dag.timeline(eventId)?.event.prevEvents ?? []
  return breadthFirst(dag, question.latest.flatMap(parentsOf), stop, question.limit, question.depthMin)
}

/** What `/backfill` answers (§Backfilling): `from` and what came before, at most `limit` events, newest first. */
export const backfill = (dag: RoomDag, from: readonly string[], limit: number): readonly Event[] =>
  breadthFirst(dag, from, new Set(), limit, 0).toReversed()

const breadthFirst = (
  dag: RoomDag,
  start: readonly string[],
  stop: ReadonlySet<string>,
  limit: number,
  depthMin: number | bigint,
): readonly Event[] => {
  const found: Event[] = []
  const seen = new Set(stop)
  let layer = start
  while (layer.length > 0 && found.length < limit) {
    const next: string[] = []
    for (const eventId of layer) {
      if (seen.has(eventId) || found.length >= limit) continue
      seen.add(eventId)
      const event = dag.timeline(eventId)?.event
      if (event === undefined || event.depth < depthMin) continue
      found.push(event)
      next.push(...event.prevEvents)
    }
    layer = next
  }
  return parentsFirst(found)
}

/**
 * `events` ordered so that each comes after those of its parents and auth events that are among them. The create event
 * comes first: in room 12 all others rest on it, and none cites it.
 */
export const parentsFirst = (events: readonly Event[]): readonly Event[] => {
  const visits = new Map<string, Visit>()
  for (const event of events) visits.set(event.eventId, { event, isEntered: false, isFinished: false })
  const ordered: Event[] = []
  const creates = events.filter(isCreate).sort(byDepth)
  const others = events.filter((event) => !isCreate(event)).sort(byDepth)
  for (const root of [...creates, ...others]) {
    const waiting = [visits.get(root.eventId)!]
    for (let visit = waiting.at(-1); visit !== undefined; visit = waiting.at(-1)) {
      if (visit.isFinished) {
        waiting.pop()
      } else if (visit.isEntered) {
        waiting.pop()
        visit.isFinished = true
        ordered.push(visit.event)
      } else {
        visit.isEntered = true
        for (const cited of [visit.event.prevEvents, visit.event.authEvents]) {
          for (const eventId of cited) {
            const before = visits.get(eventId)
            if (before?.isEntered === false) waiting.push(before)
          }
        }
      }
    }
  }
  return ordered
}

/** How far one event was gone through. */
interface Visit {
  readonly event: Event
  isEntered: boolean
  isFinished: boolean
}

const isCreate = ({ type, stateKey }: Event): boolean => type === "m.room.create" && stateKey === ""

const byDepth = (one: Event, other: Event): number => {
  if (one.depth < other.depth) return -1
  if (one.depth > other.depth) return 1
  return one.eventId < other.eventId ? -1 : 1
}
