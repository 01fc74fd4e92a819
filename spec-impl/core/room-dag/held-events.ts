/** The events that a room holds: most of them in memory, messages that are deep in its history elsewhere. */
import type { Event } from "../event.ts"
import { memoryScratch, Pages } from "../paging/pages.ts"
import type { RoomVersion } from "../room-version.ts"
import type { StateMap } from "../state-resolution/state-map.ts"
import { type Children, computed, type EventRecord, TimelineRecord, type Verdict } from "./event-record.ts"
import { EvictedEvents, type Ordinal } from "./evicted-events.ts"
import type { History } from "./forward-extremities.ts"

/**
 * Gives an evicted event from where it is kept, at once. `next` are those that will be asked for soon, if it has to be
 * read anyway.
 */
export type Recall = (eventId: string, next: () => readonly string[]) => Event

/** Where evicted events go: what they say is recalled, and what a room knows of them is in pages. */
export interface Elsewhere {
  readonly recall: Recall
  readonly pages: Pages
}

/** Whoever goes through the history gets so many events at a time. */
const recalledAtOnce = 64
/** Whoever asks for one that is no further away than that, of what was evicted, goes through the history. */
const strideMax = 4

export class HeldEvents implements History {
  /** What is known of events that are out of memory: all that is asked of them but what they say. */
  readonly evicted: EvictedEvents
  readonly #recall: Recall | undefined
  /** Which one was asked for last. */
  #recalledLast: Ordinal | undefined
  readonly #records = new Map<string, EventRecord>()
  #revision = 0
  /** Those before which another server told the state: few of many. */
  readonly #claimed = new Set<string>()
  /** The children of events that are not in memory; of all others each record has them. */
  readonly #childrenOfOthers = new Map<string, Children>()

  /** Without `elsewhere` none is evicted. */
  constructor(version: RoomVersion, elsewhere: Elsewhere | undefined) {
    this.evicted = new EvictedEvents(version, elsewhere?.pages ?? new Pages(memoryScratch(), 0))
    this.#recall = elsewhere?.recall
  }

  has(eventId: string): boolean {
    return this.#records.has(eventId) || this.evicted.find(eventId) >= 0
  }

  /** What is held of the event; if it was evicted it is read, and another object each time. */
  record(eventId: string): EventRecord | undefined {
    const record = this.#records.get(eventId)
    if (record !== undefined) return record
    const ordinal = this.evicted.find(eventId)
    return ordinal < 0 ? undefined : this.#recalled(ordinal)
  }

  /** What is in memory of the event. */
  inMemory(eventId: string): EventRecord | undefined {
    return this.#records.get(eventId)
  }

  /** All events: first what was evicted, which is read one by one; then those in memory, in the order in which they came. */
  *all(): IterableIterator<EventRecord> {
    for (let ordinal = 0; ordinal < this.evicted.size; ordinal++) yield this.#recalled(ordinal)
    yield* this.#records.values()
  }

  /** What is in memory, in the order in which it came: all state events among it. */
  allInMemory(): IterableIterator<EventRecord> {
    return this.#records.values()
  }

  /** The events of the history before which another server told the state. */
  get claimed(): ReadonlySet<string> {
    return this.#claimed
  }

  readonly verdictOf = (eventId: string): Verdict | undefined => {
    const record = this.#records.get(eventId)
    if (record !== undefined) return record.place === "timeline" ? record.verdict : undefined
    return this.evicted.find(eventId) < 0 ? undefined : "accepted"
  }

  readonly isHistorical = (eventId: string): boolean => {
    const record = this.#records.get(eventId)
    if (record !== undefined) return record.place === "timeline" && record.arrival === "historical"
    const ordinal = this.evicted.find(eventId)
    return ordinal >= 0 && this.evicted.position(ordinal) < 0
  }

  /** The state after an event of the history. */
  stateAfter(eventId: string): StateMap | undefined {
    const record = this.#records.get(eventId)
    if (record !== undefined) return record.place === "timeline" ? record.stateAfter : undefined
    const ordinal = this.evicted.find(eventId)
    return ordinal < 0 ? undefined : this.evicted.state(ordinal)
  }

  /** The prev_events of an event of the history. */
  readonly parentsOf = (eventId: string): readonly string[] => {
    const record = this.#records.get(eventId)
    if (record !== undefined) return record.place === "timeline" ? record.event.prevEvents : []
    const ordinal = this.evicted.find(eventId)
    return ordinal < 0 ? [] : this.evicted.parentsOf(ordinal)
  }

  /** Timeline events that name `eventId` among their prev_events. */
  readonly childrenOf = (eventId: string): readonly string[] => {
    const known = this.#knownChildren(eventId)
    if (known !== undefined) return typeof known === "string" ? [known] : known
    const ordinal = this.evicted.find(eventId)
    return ordinal < 0 ? [] : this.evicted.childrenOf(ordinal)
  }

  /** Another number whenever another event is held, or an event otherwise. */
  get revision(): number {
    return this.#revision
  }

  put(record: EventRecord): void {
    const { eventId } = record.event
    this.#revision += 1
    record.children = this.#knownChildren(eventId)
    if (record.place === "timeline" && record.stateSource.kind === "claimed") this.#claimed.add(eventId)
    else this.#claimed.delete(eventId)
    this.#records.set(eventId, record)
    this.#childrenOfOthers.delete(eventId)
  }

  remove(eventId: string): void {
    this.#revision += 1
    const children = this.#records.get(eventId)?.children
    this.#records.delete(eventId)
    this.#claimed.delete(eventId)
    if (children !== undefined) this.#childrenOfOthers.set(eventId, children)
  }

  /** The children of an event, but for those that are kept with it where it is evicted. */
  #knownChildren(eventId: string): Children | undefined {
    const record = this.#records.get(eventId)
    return record === undefined ? this.#childrenOfOthers.get(eventId) : record.children
  }

  #setChildren(eventId: string, children: Children | undefined): void {
    const record = this.#records.get(eventId)
    if (record !== undefined) record.children = children
    else if (children === undefined) this.#childrenOfOthers.delete(eventId)
    else this.#childrenOfOthers.set(eventId, children)
  }

  addChild(parent: string, child: string): void {
    const children = this.childrenOf(parent)
    this.#setChildren(parent, children.length === 0 ? child : children.concat(child))
  }

  removeLastChild(parent: string): void {
    if (this.#knownChildren(parent) === undefined) return
    const left = this.childrenOf(parent).slice(0, -1)
    const ordinal = this.evicted.find(parent)
    // Those that are kept with an evicted parent are the first ones that it had.
    const kept = ordinal < 0 ? 0 : this.evicted.childrenOf(ordinal).length
    this.#setChildren(parent, left.length === kept ? undefined : left)
  }

  /** Whether an event can ever be evicted: an accepted message that redacts nothing, before which the state was computed. */
  isEvictable(record: TimelineRecord, position: number): boolean {
    return (
      this.#recall !== undefined &&
      record.verdict === "accepted" &&
      record.event.stateKey === undefined &&
      record.event.redacts === undefined &&
      record.stateSource.kind === "computed" &&
      record.stateBefore === record.stateAfter &&
      this.evicted.fits(record, position)
    )
  }

  /**
   * Takes an event out of memory if it can ever be evicted, and gives by what it is known from then on. It must not be a
   * forward extremity, and the state must be whole. `position` is its place in the order in which this server took
   * events in.
   */
  evict(eventId: string, position: number): Ordinal | undefined {
    const record = this.#records.get(eventId)
    if (record?.place !== "timeline" || !this.isEvictable(record, position)) return undefined
    const ordinal = this.evicted.add(record, position)
    this.remove(eventId)
    for (const each of [eventId, ...record.event.prevEvents]) this.#evictChildren(each)
    return ordinal
  }

  /** The children of an evicted event are kept with it, once all of them are evicted too. */
  #evictChildren(eventId: string): void {
    const parent = this.evicted.find(eventId)
    const children = parent >= 0 && this.#childrenOfOthers.has(eventId) ? this.childrenOf(eventId) : []
    // Those that came last are evicted last.
    const isWhole =
      children.length > 0 &&
      children.findLast((child) => this.#records.has(child) || this.evicted.find(child) < 0) === undefined
    if (!isWhole) return
    this.evicted.setChildren(parent, children)
    this.#childrenOfOthers.delete(eventId)
  }

  /** The ids of those that come next where one goes on in that direction. */
  #following(ordinal: Ordinal, stride: number): readonly string[] {
    const direction = Math.abs(stride) > strideMax ? 0 : Math.sign(stride)
    const ids: string[] = []
    for (let step = 1; direction !== 0 && step < recalledAtOnce; step++) {
      const at = ordinal + direction * step
      if (at >= 0 && at < this.evicted.size) ids.push(this.evicted.eventId(at))
    }
    return ids
  }

  #recalled(ordinal: Ordinal): TimelineRecord {
    const state = this.evicted.state(ordinal)
    const stride = ordinal - (this.#recalledLast ?? Number.NEGATIVE_INFINITY)
    this.#recalledLast = ordinal
    const position = this.evicted.position(ordinal)
    const facts = {
      event: this.#recall!(this.evicted.eventId(ordinal), () => this.#following(ordinal, stride)),
      verdict: "accepted" as const,
      objection: undefined,
      index: -1,
      stateBefore: state,
      stateAfter: state,
      stateSource: computed,
      arrival: position > 0 ? ("new" as const) : ("historical" as const),
    }
    return new TimelineRecord(facts, position)
  }
}
