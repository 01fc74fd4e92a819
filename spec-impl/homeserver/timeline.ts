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
import type { Ordinal } from "../core/room-dag/evicted-events.ts"
import type { RoomDag } from "../core/room-dag/room-dag.ts"
import { type Slot, Slots } from "./slots.ts"

/** An event's place in both orders. */
export interface TimelineEntry {
  readonly position: number
  /** Of an evicted event it is read when it is asked for. */
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
      const isThere = dag.isInHistory(record.event.eventId)
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

/** The entry of an evicted event: a message. */
class EvictedEntry implements TimelineEntry {
  readonly #dag: RoomDag
  readonly #ordinal: Ordinal

  constructor(dag: RoomDag, ordinal: Ordinal) {
    this.#dag = dag
    this.#ordinal = ordinal
  }

  get position(): number {
    return this.#dag.held.evicted.position(this.#ordinal)
  }

  get record(): TimelineRecord {
    return this.#dag.timeline(this.#dag.held.evicted.eventId(this.#ordinal))!
  }
}

/** Whether the entry is one of state; nothing is read for that. */
export const isOfState = (entry: TimelineEntry): boolean =>
  !(entry instanceof EvictedEntry) && entry.record.event.stateKey !== undefined

/** The events of one room that clients may be shown, by their places. */
export class RoomTimeline {
  readonly #dagOf: () => RoomDag
  /** Live events in stream order. */
  #live: Slots<TimelineRecord, Place>
  /** All events in room order. */
  #history: Slots<TimelineRecord, Place>

  /** `dagOf` gives the room's events as they are now; without it none is evicted. */
  constructor(dagOf: () => RoomDag = noDag) {
    this.#dagOf = dagOf
    this.#live = this.#noSlots()
    this.#history = this.#noSlots()
  }

  #noSlots(): Slots<TimelineRecord, Place> {
    return new Slots(
      () => this.#dagOf().held.evicted.pages,
      (slot) => this.#placeOf(slot),
    )
  }

  /** The position of the last live event; 0 where there is none. */
  get lastPosition(): number {
    const last = this.#live.last
    return last === undefined ? 0 : this.#placeOf(last).position
  }

  /** The last live event in stream order. */
  get last(): TimelineEntry | undefined {
    return this.#entryIn(this.#live.last)
  }

  /** How many events there are. */
  get length(): number {
    return this.#history.length
  }

  /** The event at that index in room order; of a negative one from the end. */
  at(index: number): TimelineEntry | undefined {
    return this.#entryIn(this.#history.at(index))
  }

  /** All events in room order. */
  *[Symbol.iterator](): Generator<TimelineEntry> {
    for (const slot of this.#history) yield this.#entryIn(slot)!
  }

  /** Live events after position `since`, up to position `upTo`, in stream order. */
  after(since: number, upTo: number): readonly TimelineEntry[] {
    const slots = this.#live.slice(
      this.#live.countWhile(({ position }) => position <= since),
      this.#live.countWhile(({ position }) => position <= upTo),
    )
    return slots.map((slot) => this.#entryIn(slot)!)
  }

  /** How many events come before `place` in room order: the index of what is there, or comes next. */
  indexOf(place: Place): number {
    return this.#history.countWhile((other) => comparePlaces(other, place) < 0)
  }

  /** The entry of an event of the room; undefined where it has no position. */
  entryOf({ event }: EventRecord): TimelineEntry | undefined {
    const { depth, eventId } = event
    const start = this.#history.countWhile((place) => place.depth < depth)
    for (let at = start; at < this.#history.length; at++) {
      const slot = this.#history.at(at)!
      const id = typeof slot === "number" ? this.#dagOf().held.evicted.eventId(slot) : slot.event.eventId
      if (id === eventId) return this.#entryIn(slot)
      if (this.#placeOf(slot).depth > depth) return undefined
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
      const record = placed(entry)
      if (entry.position > 0) this.#live.insert(this.#indexInStream(entry.position), record)
      const last = this.#history.last
      const isLast = last === undefined || comparePlaces(this.#placeOf(last), placeOf(entry)) < 0
      this.#history.insert(isLast ? this.#history.length : this.indexOf(placeOf(entry)), record)
    }
  }

  /** All events of the room, by positions as they were or are from now on; none of them is evicted. */
  replace(entries: readonly TimelineEntry[]): void {
    this.#live = this.#noSlots()
    this.#history = this.#noSlots()
    for (const entry of [...entries].sort((one, other) => one.position - other.position)) {
      if (entry.position > 0) this.#live.insert(this.#live.length, placed(entry))
    }
    for (const entry of [...entries].sort((one, other) => comparePlaces(placeOf(one), placeOf(other)))) {
      this.#history.insert(this.#history.length, placed(entry))
    }
  }

  /** Lets go of the event of an entry, which was evicted under that number. */
  evict(entry: TimelineEntry, ordinal: Ordinal): void {
    this.#history.set(this.indexOf(placeOf(entry)), ordinal)
    if (entry.position > 0) this.#live.set(this.#indexInStream(entry.position), ordinal)
  }

  /** How many live events come before that position: mostly all. */
  #indexInStream(position: number): number {
    return this.lastPosition < position
      ? this.#live.length
      : this.#live.countWhile((place) => place.position < position)
  }

  #entryIn(slot: Slot<TimelineRecord> | undefined): TimelineEntry | undefined {
    if (typeof slot === "number") return new EvictedEntry(this.#dagOf(), slot)
    return slot === undefined ? undefined : { position: slot.position, record: slot }
  }

  #placeOf(slot: Slot<TimelineRecord>): Place {
    if (typeof slot !== "number") return { depth: slot.event.depth, position: slot.position }
    const { evicted } = this.#dagOf().held
    return { depth: evicted.depth(slot), position: evicted.position(slot) }
  }
}

/** The record of an entry, with its position: of a thousand servers each has thousands of events at such a place. */
const placed = ({ position, record }: TimelineEntry): TimelineRecord => {
  record.position = position
  return record
}

const noDag = (): never => {
  throw new Error("nothing of this room is evicted")
}
