/**
 * In which order events became part of rooms here: what clients are told, and the places at which they go on.
 *
 * Each accepted event of a room's history has a position, unlike any other on this server. The store keeps it with the
 * event, so it is the same after a restart, and there is no other record of it. A *live* event has a positive one: the
 * order in which this server took events in, over all rooms. An event that was fetched of the past (`arrival` is
 * `historical`: backfill) has a negative one: it is part of the room's past, and never news. Rejected and soft-failed
 * events have none: no client is shown them. Outliers have none.
 *
 * There are two orders. *Stream order*, by position, live events alone: what `/sync` goes by. A sync is up to
 * `rooms.positions.settled`, and shows of each room what `room.timeline.after(since, settled)` gives; the next one
 * begins there. What is beyond `settled` may be missing one that is before it, and is for the next sync: of two rooms
 * that commit at once the later may be done first. `rooms.positions.watch` tells when `settled` moves.
 * *Room order*, by depth and then as events came (`comparePlaces`): what `/messages` and `/context` go by, in which
 * what was fetched of the past stands in the past.
 */
import type { EventRecord, TimelineRecord } from "../core/room-dag/event-record.ts"
import type { RoomDag } from "../core/room-dag/room-dag.ts"

/** An event's place in both orders. */
export interface TimelineEntry {
  readonly position: number
  readonly record: TimelineRecord
}

/** A place in a room's history, whether or not there still is such an event. */
export interface Place {
  readonly depth: number | bigint
  readonly position: number
}

/** Room order: by depth; of one depth first what was fetched of the past; then as it came. */
export const comparePlaces = (one: Place, other: Place): number =>
  compare(one.depth, other.depth) ||
  Number(one.position > 0) - Number(other.position > 0) ||
  Math.abs(one.position) - Math.abs(other.position)

const compare = (one: number | bigint, other: number | bigint): number =>
  one < other ? -1 : one > other ? 1 : 0

/** Where an entry is. */
export const placeOf = ({ position, record }: TimelineEntry): Place => ({
  depth: record.event.depth,
  position,
})

/** The positions of this server. */
export class Positions {
  #last = 0
  readonly #unsettled = new Set<number>()
  readonly #listeners = new Set<() => void>()

  /** All live events up to this position are seen by all, and durable; 0 where there is none. */
  get settled(): number {
    let settled = this.#last
    for (const position of this.#unsettled) settled = Math.min(settled, position - 1)
    return settled
  }

  /** Calls `listener` whenever `settled` has moved, until what it gives is called; the listener must not wait. */
  watch(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** The positions for those of `records` that are to have one and have none in the room yet, by event id. */
  take({ dag, timeline }: PlacedRoom, records: readonly EventRecord[]): ReadonlyMap<string, number> {
    const taken = new Map<string, number>()
    for (const record of records) {
      if (!hasPosition(record)) continue
      const isThere = dag.timeline(record.event.eventId) !== undefined
      if (isThere && timeline.positionOf(record) !== undefined) continue
      this.#last += 1
      this.#unsettled.add(this.#last)
      taken.set(record.event.eventId, record.arrival === "historical" ? -this.#last : this.#last)
    }
    return taken
  }

  /** What was taken is in the timelines now, or never will be. */
  settle(taken: ReadonlyMap<string, number>): void {
    if (taken.size === 0) return
    const before = this.settled
    for (const position of taken.values()) this.#unsettled.delete(Math.abs(position))
    if (this.settled === before) return
    for (const listener of [...this.#listeners]) listener()
  }

  /** A position that was kept. */
  restore(position: number): void {
    this.#last = Math.max(this.#last, Math.abs(position))
  }
}

/** What is asked of a room whose events get positions. */
interface PlacedRoom {
  readonly dag: RoomDag
  readonly timeline: RoomTimeline
}

const hasPosition = (record: EventRecord): record is TimelineRecord =>
  record.place === "timeline" && record.verdict === "accepted"

/** The events of one room that clients may be shown, by their places. */
export class RoomTimeline {
  #live: TimelineEntry[] = []
  #history: TimelineEntry[] = []

  /** Live events in stream order. */
  get live(): readonly TimelineEntry[] {
    return this.#live
  }

  /** All events in room order. */
  get history(): readonly TimelineEntry[] {
    return this.#history
  }

  /** Live events after position `since`, up to position `upTo`, in stream order. */
  after(since: number, upTo: number): readonly TimelineEntry[] {
    return this.#live.slice(
      countWhile(this.#live, ({ position }) => position <= since),
      countWhile(this.#live, ({ position }) => position <= upTo),
    )
  }

  /** How many events come before `place` in room order: the index in `history` of what is there, or comes next. */
  indexOf(place: Place): number {
    return countWhile(this.#history, (entry) => comparePlaces(placeOf(entry), place) < 0)
  }

  /** The entry of an event of the room; undefined where it has no position. */
  entryOf({ event }: EventRecord): TimelineEntry | undefined {
    const { depth, eventId } = event
    const start = countWhile(this.#history, ({ record }) => record.event.depth < depth)
    for (let at = start; at < this.#history.length; at++) {
      const entry = this.#history[at]!
      if (entry.record.event.eventId === eventId) return entry
      if (entry.record.event.depth > depth) return undefined
    }
    return undefined
  }

  /** The position of an event of the room, if it has one. */
  positionOf(record: EventRecord): number | undefined {
    return this.entryOf(record)?.position
  }

  /** Events that are seen by all from now on. */
  add(entries: readonly TimelineEntry[]): void {
    for (const entry of entries) {
      if (entry.position > 0) this.#live.splice(this.#live.length - laterThan(this.#live, entry), 0, entry)
      const last = this.#history.at(-1)
      if (last === undefined || comparePlaces(placeOf(last), placeOf(entry)) < 0) this.#history.push(entry)
      else this.#history.splice(this.indexOf(placeOf(entry)), 0, entry)
    }
  }

  /** All events of the room, by positions as they were or are from now on. */
  replace(entries: readonly TimelineEntry[]): void {
    this.#live = entries
      .filter(({ position }) => position > 0)
      .sort((one, other) => one.position - other.position)
    this.#history = [...entries].sort((one, other) => comparePlaces(placeOf(one), placeOf(other)))
  }
}

/** How many entries at the end of `live` come after `entry`: mostly none. */
const laterThan = (live: readonly TimelineEntry[], { position }: TimelineEntry): number => {
  const last = live.at(-1)
  return last === undefined || last.position < position
    ? 0
    : live.length - countWhile(live, (one) => one.position < position)
}

/** How many entries from the first on `isBefore` holds for, where it holds for none after one that it does not hold for. */
const countWhile = (
  entries: readonly TimelineEntry[],
  isBefore: (entry: TimelineEntry) => boolean,
): number => {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBefore(entries[middle]!)) low = middle + 1
    else high = middle
  }
  return low
}
