/** Pages of a room's history, in room order (client-server API §GET …/messages). */
import { maySee, userAudience } from "../../federation/history/visibility.ts"
import type { Room } from "../../homeserver/rooms.ts"
import type { TimelineEntry } from "../../homeserver/timeline.ts"
import type { EventFilter } from "../event-filter.ts"
import { type Point, placeAfter, placeBefore } from "./place.ts"

/** So many events are looked at for one page: a page may be empty, and yet there may be more. */
const scannedMax = 5_000

/** What is asked for. */
export interface PageWish {
  readonly userId: string
  /** Undefined: from the end where one looks back, from the beginning where one looks ahead. */
  readonly from: Point | undefined
  /** Where to stop; undefined: nowhere. */
  readonly to: Point | undefined
  readonly direction: "f" | "b"
  /** At most so many events. */
  readonly limit: number
  readonly filter: EventFilter
}

/** Events that the user may see and wants, and where to go on. */
export interface Page {
  readonly entries: readonly TimelineEntry[]
  /** Undefined where there is nothing more that the user may see. */
  readonly end: string | undefined
  /** All that was looked at, wanted or not, in the order of looking. */
  readonly scanned: readonly TimelineEntry[]
}

/** What this server has of the page. */
export const pageOf = (room: Room, wish: PageWish): Page => {
  const { limit, direction } = wish
  const isBack = direction === "b"
  const wanted = wantedBy(room, wish)
  const entries: TimelineEntry[] = []
  const scanned: TimelineEntry[] = []
  for (const entry of entriesFrom(room, wish)) {
    const isWanted = wanted(entry)
    if ((isWanted && entries.length >= limit) || scanned.length >= scannedMax) {
      const last = scanned.at(-1)
      const end = last === undefined ? entry : last
      const isBefore = isBack === (last !== undefined)
      return { entries, scanned, end: isBefore ? placeBefore(end) : placeAfter(end) }
    }
    scanned.push(entry)
    if (isWanted) entries.push(entry)
  }
  return { entries, scanned, end: undefined }
}

/** Whether an entry is for that user, and wanted. */
const wantedBy = ({ roomId, dag }: Room, { userId, filter }: PageWish) => {
  const audience = userAudience(userId)
  const wantsRoom = filter.wantsRoom(roomId)
  return ({ record }: TimelineEntry): boolean =>
    wantsRoom && filter.wants(dag.redactions.shown(record.event)) && maySee(dag, record, audience)
}

/** The entries between `from` and `to`, in the direction that is looked in. */
function* entriesFrom({ timeline }: Room, { from, to, direction }: PageWish): Generator<TimelineEntry> {
  const isBack = direction === "b"
  const indexOf = (point: Point | undefined, otherwise: number): number =>
    point !== undefined && "before" in point ? timeline.indexOf(point.before) : otherwise
  const isInside = isBack
    ? (position: number) => isUpTo(position, from) && !(isPosition(to) && isUpTo(position, to))
    : (position: number) => !(isPosition(from) && isUpTo(position, from)) && isUpTo(position, to)
  const first = isBack ? indexOf(to, 0) : indexOf(from, 0)
  const beyond = isBack ? indexOf(from, timeline.length) : indexOf(to, timeline.length)
  for (let step = 0; step < beyond - first; step++) {
    const entry = timeline.at(isBack ? beyond - 1 - step : first + step)!
    if (isInside(entry.position)) yield entry
  }
}

const isPosition = (point: Point | undefined): point is { readonly position: number } =>
  point !== undefined && "position" in point

/** Whether an event was there at that point; of a point in room order its index says so. */
const isUpTo = (position: number, point: Point | undefined): boolean =>
  !isPosition(point) || Math.abs(position) <= point.position
