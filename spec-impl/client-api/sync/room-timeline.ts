/** The events of a room that a sync tells of (client-server API §Syncing, §Room History Visibility). */
import type { StateMap } from "../../core/state-resolution/state-map.ts"
import { maySee, userAudience } from "../../federation/history/visibility.ts"
import type { Room } from "../../homeserver/rooms.ts"
import type { TimelineEntry } from "../../homeserver/timeline.ts"
import { stateAt } from "./room-at.ts"
import type { Span } from "./span.ts"

/** How many events of a room are told of, where the client says nothing; and at most. */
const limitDefault = 10
const limitMax = 1_000

/** The end of what happened in a room. */
export interface TimelinePart {
  /** In stream order. */
  readonly entries: readonly TimelineEntry[]
  /** Whether there is more before it that the client has not been told. */
  readonly isLimited: boolean
  /** The state before the first of the entries; or where there are none after all that happened. */
  readonly stateBefore: StateMap
}

/** The last of `candidates`, as many as the client wants of those that it wants and its user may see. */
export const timelinePart = (
  room: Room,
  candidates: readonly TimelineEntry[],
  stateNow: StateMap,
  span: Span,
): TimelinePart => {
  const { timeline: filter } = span.filter.rooms
  const limit = Math.min(filter.limit ?? limitDefault, limitMax)
  const audience = userAudience(span.userId)
  const entries: TimelineEntry[] = []
  let isLimited = false
  for (const entry of filter.wantsRoom(room.roomId) ? candidates.toReversed() : []) {
    const { record } = entry
    const { event } = record
    const isOwn = event.type === "m.room.member" && event.stateKey === span.userId
    const isIgnored = event.stateKey === undefined && span.ignoredUsers.has(event.sender)
    if (!isIgnored && filter.wants(event) && (isOwn || maySee(room.dag, record, audience))) {
      if (entries.length >= limit) {
        isLimited = true
        break
      }
      entries.unshift(entry)
    }
    // What this server held of the room before it came in anew is of another time: between there is a gap.
    if (record.arrival === "entry") {
      isLimited = true
      break
    }
  }
  const [first] = entries
  return { entries, isLimited, stateBefore: first === undefined ? stateNow : stateBeforeEntry(room, first) }
}

const stateBeforeEntry = (room: Room, { position, record }: TimelineEntry): StateMap =>
  record.arrival === "entry" ? record.stateBefore : stateAt(room, position - 1)
