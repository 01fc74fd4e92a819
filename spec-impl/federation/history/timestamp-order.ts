import type { TimelineRecord } from "../../core/room-dag/event-record.ts"
import type { RoomDag } from "../../core/room-dag/room-dag.ts"

/** Where to look from a time: forwards or backwards. */
export type Direction = "f" | "b"

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
  for (const record of dag.records()) {
    if (record.place !== "timeline" || record.verdict !== "accepted") continue
    const { originServerTs } = record.event
    if (direction === "f" ? originServerTs < ts : originServerTs > ts) continue
    if (closest !== undefined && isBefore(record, closest) !== (direction === "f")) continue
    if (counts(record)) closest = record
  }
  return closest
}

const isBefore = ({ event: one }: TimelineRecord, { event: other }: TimelineRecord): boolean => {
  if (one.originServerTs < other.originServerTs) return true
  if (one.originServerTs > other.originServerTs) return false
  if (one.depth < other.depth) return true
  if (one.depth > other.depth) return false
  return one.eventId < other.eventId
}
