/**
 * What a room knows of messages that are deep in its history, and no longer in memory: where they are in the history
 * and in both orders, and the state around them. It is in pages (`paging/pages.ts`), of which those used last are in
 * memory; what else the events say is read where it is kept.
 *
 * An event that is not to be had in these few bytes (an id that a server picked, a depth that is no safe integer) is
 * not evicted.
 */
import { encodeBase64, encodeBase64Url } from "../base64.ts"
import { PagedIndex } from "../paging/paged-index.ts"
import { PagedLists } from "../paging/paged-lists.ts"
import type { Page, Pages } from "../paging/pages.ts"
import type { RoomVersion } from "../room-version.ts"
import { GrowableIntegers } from "../state-resolution/growable.ts"
import type { StateMap } from "../state-resolution/state-map.ts"
import type { TimelineRecord } from "./event-record.ts"

/** An event by the order in which events were evicted: what is said of it is asked by this number. */
export type Ordinal = number

const idBytes = 32
/** `$` and 32 bytes in unpadded base64. */
const idCharacters = 44
const none = -1

/** Of a page: three numbers of each event, then their ids, then three words of each. */
const eventsOfPage = 60
const [depthsAt, positionsAt, timesAt] = [0, eventsOfPage, eventsOfPage * 2]
const idsAt = eventsOfPage * 3 * 8
const statesAt = (idsAt + eventsOfPage * idBytes) / 4
/** Of the only parent or child, which is evicted as well, the ordinal; of others a list; −1 where there is none. */
const [parentsAt, childrenAt] = [statesAt + eventsOfPage, statesAt + eventsOfPage * 2]

/** `$` and 32 bytes in unpadded base64, of whose last character two bits are none of theirs. */
const encodedIds: Readonly<Partial<Record<RoomVersion["eventId"], RegExp>>> = {
  "hash-standard": /^\$[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]$/,
  "hash-url-safe": /^\$[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/,
}

const wordOfList = (list: number): number => none - 1 - list
const listOfWord = (word: number): number => none - 1 - word

export class EvictedEvents {
  /** Where more of the room may be put. */
  readonly pages: Pages
  readonly #idKind: RoomVersion["eventId"]
  #size = 0
  readonly #pageNumbers = new GrowableIntegers()
  /** The first and the last origin_server_ts of each page. */
  readonly #times: number[] = []
  readonly #ordinals: PagedIndex
  readonly #lists: PagedLists
  readonly #states: StateMap[] = []
  readonly #stateNumbers = new Map<StateMap, number>()
  readonly #sought = Buffer.alloc(idBytes)
  /** What is new is asked for again and again while it is taken in. */
  #absent = ""
  /** What was evicted last and what was found last: both are asked for again while the next one is evicted. */
  #latest = ""
  #found = ""
  #foundAt: Ordinal = none

  constructor(version: RoomVersion, pages: Pages) {
    this.#idKind = version.eventId
    this.pages = pages
    this.#ordinals = new PagedIndex(pages)
    this.#lists = new PagedLists(pages)
  }

  get size(): number {
    return this.#size
  }

  /** Whether `add` can take the event. */
  fits({ event }: TimelineRecord, position: number): boolean {
    const { eventId, prevEvents, depth, originServerTs } = event
    return (
      Number.isSafeInteger(depth) &&
      Number.isSafeInteger(originServerTs) &&
      Number.isSafeInteger(position) &&
      this.#isOfBytes(eventId) &&
      prevEvents.every((id) => this.#isOfBytes(id))
    )
  }

  /** Whether the id is what its bytes are encoded as. */
  #isOfBytes(eventId: string): boolean {
    return encodedIds[this.#idKind]?.test(eventId) === true
  }

  /** Takes an event that fits; it must not be there. */
  add({ event, stateBefore }: TimelineRecord, position: number): Ordinal {
    const ordinal = this.#size
    const place = ordinal % eventsOfPage
    this.#absent = ""
    const parents = this.#wordOf(event.prevEvents)
    if (place === 0) this.#pageNumbers.push(this.pages.make())
    this.#size += 1
    const { bytes, numbers, words } = this.pages.change(this.#pageNumberOf(ordinal))
    this.#readId(event.eventId)
    bytes.set(this.#sought, idsAt + place * idBytes)
    numbers[depthsAt + place] = Number(event.depth)
    numbers[positionsAt + place] = position
    numbers[timesAt + place] = Number(event.originServerTs)
    words[statesAt + place] = this.#numberOf(stateBefore)
    words[parentsAt + place] = parents
    words[childrenAt + place] = none
    this.#noteTime(ordinal, Number(event.originServerTs))
    this.#ordinals.add(this.#sought.readUInt32LE(0), ordinal)
    this.#latest = event.eventId
    return ordinal
  }

  /** The event of that id, or −1 where it is not there. */
  find(eventId: string): Ordinal {
    if (this.#size === 0 || eventId === this.#absent) return none
    if (eventId === this.#latest) return this.#size - 1
    if (eventId === this.#found) return this.#foundAt
    if (!this.#readId(eventId)) return none
    const ordinal = this.#ordinals.find(this.#sought.readUInt32LE(0), this.#isSought)
    if (ordinal < 0 || this.#encode(this.#sought) !== eventId) {
      this.#absent = eventId
      return none
    }
    this.#found = eventId
    this.#foundAt = ordinal
    return ordinal
  }

  eventId(ordinal: Ordinal): string {
    return this.#encode(this.#idAt(ordinal))
  }

  depth(ordinal: Ordinal): number {
    return this.#pageOf(ordinal).numbers[depthsAt + (ordinal % eventsOfPage)]!
  }

  position(ordinal: Ordinal): number {
    return this.#pageOf(ordinal).numbers[positionsAt + (ordinal % eventsOfPage)]!
  }

  originServerTs(ordinal: Ordinal): number {
    return this.#pageOf(ordinal).numbers[timesAt + (ordinal % eventsOfPage)]!
  }

  /** Those whose origin_server_ts is between these, both included. */
  *between(from: number | bigint, to: number | bigint): Generator<Ordinal> {
    for (let first = 0; first < this.#size; first += eventsOfPage) {
      const page = first / eventsOfPage
      if (this.#times[page * 2]! > to || this.#times[page * 2 + 1]! < from) continue
      const beyond = Math.min(first + eventsOfPage, this.#size)
      for (let ordinal = first; ordinal < beyond; ordinal++) {
        const time = this.originServerTs(ordinal)
        if (time >= from && time <= to) yield ordinal
      }
    }
  }

  /** The state before the event, and after it. */
  state(ordinal: Ordinal): StateMap {
    return this.#states[this.#pageOf(ordinal).words[statesAt + (ordinal % eventsOfPage)]!]!
  }

  /** Its prev_events. */
  parentsOf(ordinal: Ordinal): readonly string[] {
    return this.#idsOf(this.#pageOf(ordinal).words[parentsAt + (ordinal % eventsOfPage)]!)
  }

  /** Its children, as they were set last. */
  childrenOf(ordinal: Ordinal): readonly string[] {
    return this.#idsOf(this.#pageOf(ordinal).words[childrenAt + (ordinal % eventsOfPage)]!)
  }

  /** Keeps its children, which are evicted as well. */
  setChildren(ordinal: Ordinal, children: readonly string[]): void {
    const place = childrenAt + (ordinal % eventsOfPage)
    const before = this.#pageOf(ordinal).words[place]!
    if (before < none) this.#lists.end(listOfWord(before))
    const word = this.#wordOf(children)
    this.pages.change(this.#pageNumberOf(ordinal)).words[place] = word
  }

  #wordOf(eventIds: readonly string[]): number {
    const [first, ...others] = eventIds
    if (first === undefined) return none
    const only = others.length > 0 ? none : this.find(first)
    if (only !== none) return only
    return wordOfList(this.#lists.make(eventIds.map((id) => Buffer.from(id.slice(1), "base64url"))))
  }

  #idsOf(word: number): readonly string[] {
    if (word === none) return []
    if (word > none) return [this.eventId(word)]
    return this.#lists.read(listOfWord(word)).map((id) => this.#encode(id))
  }

  #numberOf(state: StateMap): number {
    const known = this.#stateNumbers.get(state)
    if (known !== undefined) return known
    this.#stateNumbers.set(state, this.#states.length)
    return this.#states.push(state) - 1
  }

  #noteTime(ordinal: Ordinal, time: number): void {
    const at = Math.floor(ordinal / eventsOfPage) * 2
    this.#times[at] = Math.min(time, this.#times[at] ?? time)
    this.#times[at + 1] = Math.max(time, this.#times[at + 1] ?? time)
  }

  /** Whether the id is of that form; its bytes are in `#sought` then. */
  #readId(eventId: string): boolean {
    return (
      this.#idKind !== "opaque" &&
      eventId.length === idCharacters &&
      this.#sought.write(eventId.slice(1), "base64url") === idBytes
    )
  }

  readonly #isSought = (ordinal: Ordinal): boolean => this.#sought.equals(this.#idAt(ordinal))

  #idAt(ordinal: Ordinal): Buffer {
    const at = idsAt + (ordinal % eventsOfPage) * idBytes
    return this.#pageOf(ordinal).bytes.subarray(at, at + idBytes)
  }

  #encode(bytes: Uint8Array): string {
    return `$${this.#idKind === "hash-standard" ? encodeBase64(bytes) : encodeBase64Url(bytes)}`
  }

  #pageOf(ordinal: Ordinal): Page {
    return this.pages.read(this.#pageNumberOf(ordinal))
  }

  #pageNumberOf(ordinal: Ordinal): number {
    return this.#pageNumbers.at(Math.floor(ordinal / eventsOfPage))
  }
}
