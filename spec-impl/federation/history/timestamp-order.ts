import type { TimelineRecord } from "../../core/room-dag/event-record.ts"
import type { RoomDag } from "../../core/room-dag/room-dag.ts"

/** Where to look from a time: forwards or backwards. */
export type Direction = "f" | "b"

/** What an event is ordered by. */
interface Moment {
  readonly originServerTs: number | bigint
  readonly depth: number | bigint
  readonly eventId: string
}

/**
 * The event of the history that is closest to `ts` (milliseconds since the epoch) in that direction, `ts` itself
 * included, of those that were accepted and that `counts` lets count. Of several at one time the shallowest is
 * the first, or else the one whose id is; looking backwards the last of them is given.
 */
export const closestEvent = (
  dag: RoomDag,
  ts: number | bigint,
  direction: Direction,
  counts: (record: TimelineRecord) => boolean,
): TimelineRecord | undefined => {
  let closest: TimelineRecord | undefined
  const isCloser = (moment: Moment): boolean => {
    const { originServerTs } = moment
    if (direction === "f" ? originServerTs < ts : originServerTs > ts) return false
    return closest === undefined || isBefore(moment, closest.event) === (direction === "f")
  }
  for (const record of dag.held.allInMemory()) {
    if (record.place !== "timeline" || record.verdict !== "accepted") continue
    if (isCloser(record.event) && counts(record)) closest = record
  }
  const { evicted } = dag.held
  const candidates: Moment[] = []
  const limit =
    closest?.event.originServerTs ?? (direction === "f" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY)
  for (const ordinal of direction === "f" ? evicted.between(ts, limit) : evicted.between(limit, ts)) {
    const originServerTs = evicted.originServerTs(ordinal)
    const moment = { originServerTs, depth: evicted.depth(ordinal), eventId: evicted.eventId(ordinal) }
    if (isCloser(moment)) candidates.push(moment)
  }
  // From the closest on, so that few are read.
  const order = direction === "f" ? 1 : -1
  candidates.sort((one, other) => (isBefore(one, other) ? -order : order))
  for (const { eventId } of candidates) {
    const record = dag.timeline(eventId)
    if (record !== undefined && counts(record)) return record
  }
  return closest
}

const isBefore = (one: Moment, other: Moment): boolean => {
  if (one.originServerTs < other.originServerTs) return true
  if (one.originServerTs > other.originServerTs) return false
  if (one.depth < other.depth) return true
  if (one.depth > other.depth) return false
  return one.eventId < other.eventId
}
