/**
 * What a room remembers of messages that are deep in its history, and no longer in memory: by some eighty bytes each
 * where they are in the history and in both orders, and the state around them. What they say is read where it is kept.
 *
 * An event that is not to be had in these few bytes (an id that a server picked, a depth that is no safe integer) is
 * not evicted.
 */
import { encodeBase64, encodeBase64Url } from "../base64.ts"
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
/** The place of several: they are in a map. */
const several = -2

export class EvictedEvents {
  readonly #idKind: RoomVersion["eventId"]
  #ids = Buffer.alloc(64 * idBytes)
  /** Depth, position and origin_server_ts of each. */
  #numbers = new Float64Array(64 * 3)
  readonly #states: StateMap[] = []
  readonly #stateNumbers = new Map<StateMap, number>()
  readonly #stateOf = new GrowableIntegers()
  /** The one parent that is evicted as well; or `several`. */
  readonly #parent = new GrowableIntegers()
  readonly #parents = new Map<Ordinal, readonly string[]>()
  /** The one child, which is evicted as well; or `none`. */
  #child = new Int32Array(64)
  /** Ordinals plus one by the first bytes of the id; at least half of them are 0. */
  #slots = new Uint32Array(128)
  readonly #sought = Buffer.alloc(idBytes)
  /** What is new is asked for again and again while it is taken in. */
  #absent = ""

  constructor(version: RoomVersion) {
    this.#idKind = version.eventId
  }

  get size(): number {
    return this.#parent.length
  }

  /** Whether `add` can take the event. */
  fits({ event }: TimelineRecord, position: number): boolean {
    return (
      this.#readId(event.eventId) &&
      [event.depth, event.originServerTs, position].every(Number.isSafeInteger) &&
      this.#encode(this.#sought) === event.eventId
    )
  }

  /** Takes an event that fits; it must not be there. */
  add({ event, stateBefore }: TimelineRecord, position: number): Ordinal {
    const ordinal = this.size
    this.#absent = ""
    this.#makeRoom(ordinal + 1)
    this.#readId(event.eventId)
    this.#sought.copy(this.#ids, ordinal * idBytes)
    this.#numbers.set([Number(event.depth), position, Number(event.originServerTs)], ordinal * 3)
    this.#stateOf.push(this.#numberOf(stateBefore))
    const [first, ...others] = event.prevEvents
    const parent = first === undefined || others.length > 0 ? none : this.find(first)
    this.#parent.push(parent === none ? several : parent)
    if (parent === none) this.#parents.set(ordinal, event.prevEvents)
    this.#child[ordinal] = none
    this.#slots[this.#slotOf(this.#idAt(ordinal))] = ordinal + 1
    return ordinal
  }

  /** The event of that id, or −1 where it is not there. */
  find(eventId: string): Ordinal {
    if (this.size === 0 || eventId === this.#absent || !this.#readId(eventId)) return none
    const ordinal = this.#slots[this.#slotOf(this.#sought)]! - 1
    if (ordinal >= 0 && this.#encode(this.#sought) === eventId) return ordinal
    this.#absent = eventId
    return none
  }

  eventId(ordinal: Ordinal): string {
    return this.#encode(this.#idAt(ordinal))
  }

  depth(ordinal: Ordinal): number {
    return this.#numbers[ordinal * 3]!
  }

  position(ordinal: Ordinal): number {
    return this.#numbers[ordinal * 3 + 1]!
  }

  originServerTs(ordinal: Ordinal): number {
    return this.#numbers[ordinal * 3 + 2]!
  }

  /** The state before the event, and after it. */
  state(ordinal: Ordinal): StateMap {
    return this.#states[this.#stateOf.at(ordinal)]!
  }

  /** Its prev_events. */
  parentsOf(ordinal: Ordinal): readonly string[] {
    const parent = this.#parent.at(ordinal)
    return parent === several ? this.#parents.get(ordinal)! : [this.eventId(parent)]
  }

  /** Its child, where that is all that is known of its children. */
  childOf(ordinal: Ordinal): string | undefined {
    const child = this.#child[ordinal]!
    return child === none ? undefined : this.eventId(child)
  }

  setChild(ordinal: Ordinal, child: Ordinal | undefined): void {
    this.#child[ordinal] = child ?? none
  }

  #numberOf(state: StateMap): number {
    const known = this.#stateNumbers.get(state)
    if (known !== undefined) return known
    this.#stateNumbers.set(state, this.#states.length)
    return this.#states.push(state) - 1
  }

  /** Whether the id is of that form; its bytes are in `#sought` then. */
  #readId(eventId: string): boolean {
    return (
      this.#idKind !== "opaque" &&
      eventId.length === idCharacters &&
      this.#sought.write(eventId.slice(1), "base64url") === idBytes
    )
  }

  #idAt(ordinal: Ordinal): Buffer {
    return this.#ids.subarray(ordinal * idBytes, (ordinal + 1) * idBytes)
  }

  #encode(bytes: Uint8Array): string {
    return `$${this.#idKind === "hash-standard" ? encodeBase64(bytes) : encodeBase64Url(bytes)}`
  }

  /** Where that id is, or else the free place where it belongs. */
  #slotOf(id: Buffer): number {
    const mask = this.#slots.length - 1
    let slot = id.readUInt32LE(0) & mask
    for (let taken = this.#slots[slot]!; taken !== 0; taken = this.#slots[slot]!) {
      if (id.compare(this.#ids, (taken - 1) * idBytes, taken * idBytes) === 0) break
      slot = (slot + 1) & mask
    }
    return slot
  }

  /** A quarter more at a time, and twice the slots. */
  #makeRoom(size: number): void {
    if (size > this.#child.length) {
      const larger = Math.ceil(this.#child.length * 1.25)
      const ids = Buffer.alloc(larger * idBytes)
      this.#ids.copy(ids)
      this.#ids = ids
      const numbers = new Float64Array(larger * 3)
      numbers.set(this.#numbers)
      this.#numbers = numbers
      const child = new Int32Array(larger)
      child.set(this.#child)
      this.#child = child
    }
    if (size * 2 <= this.#slots.length) return
    this.#slots = new Uint32Array(this.#slots.length * 2)
    for (let ordinal = 0; ordinal < size - 1; ordinal++) {
      this.#slots[this.#slotOf(this.#idAt(ordinal))] = ordinal + 1
    }
  }
}
