/**
 * The state events of a room, interned to integers, with their auth edges.
 *
 * An event gets its index when it is added, after those that it cites: so every walk towards the past is a walk
 * towards smaller indices, and one descending sweep over plain arrays does what sets of ids would. Indices are
 * this graph's own affair: nothing is ever decided by their order.
 */
import type { Event } from "../event.ts"
import { canonicalJsonBytes } from "../json/encode.ts"
import { sha256 } from "../hash.ts"
import type { RoomVersion } from "../room-version.ts"

/** Sums of fingerprints are taken lane by lane, modulo 2^32. */
export const fingerprintLanes = 4

export class AuthGraph {
  readonly version: RoomVersion
  readonly #events: Event[] = []
  readonly #keys: number[] = []
  readonly #indexById = new Map<string, number>()
  readonly #keyByType = new Map<string, Map<string, number>>()
  readonly #keyNames: (readonly [type: string, stateKey: string])[] = []
  /** Auth edges of event i: `#edges` from `#edgesFrom[i]` to `#edgesFrom[i + 1]`. */
  #edges = new Int32Array(256)
  #edgesFrom = new Int32Array(64)
  #fingerprints = new Int32Array(64 * fingerprintLanes)
  readonly #fingerprinted: boolean[] = []
  readonly #rejected = new Set<number>()
  #create = -1

  constructor(version: RoomVersion) {
    this.version = version
  }

  /** How many events there are; indices go from 0 to one less. */
  get size(): number {
    return this.#events.length
  }

  /**
   * Adds a state event, once; its auth events must have been added. Auth events that are no state events count
   * for nothing here.
   */
  add(event: Event): number {
    const known = this.#indexById.get(event.eventId)
    if (known !== undefined) return known
    if (event.stateKey === undefined) throw new Error(`${event.eventId} is not a state event`)
    const index = this.#events.length
    this.#reserve(index, event.authEvents.length)
    let end = this.#edgesFrom[index]!
    for (const cited of event.authEvents) {
      const citedIndex = this.#indexById.get(cited)
      if (citedIndex === undefined) throw new Error(`${event.eventId} cites ${cited}, which was not added`)
      this.#edges[end++] = citedIndex
    }
    this.#edgesFrom[index + 1] = end
    this.#events.push(event)
    this.#keys.push(this.keyIndex(event.type, event.stateKey))
    this.#indexById.set(event.eventId, index)
    if (event.type === "m.room.create" && event.stateKey === "" && this.#create < 0) this.#create = index
    return index
  }

  indexOf(eventId: string): number | undefined {
    return this.#indexById.get(eventId)
  }

  event(index: number): Event {
    return this.#events[index]!
  }

  /** The room's create event, or −1: of room 12 as well, where nobody cites it. */
  get createIndex(): number {
    return this.#create
  }

  /** The room's create event, unless it was rejected. */
  createEvent(): Event | undefined {
    return this.#create < 0 || this.#rejected.has(this.#create) ? undefined : this.#events[this.#create]
  }

  isRejected(index: number): boolean {
    return this.#rejected.has(index)
  }

  setRejected(index: number, rejected: boolean): void {
    if (rejected) this.#rejected.add(index)
    else this.#rejected.delete(index)
  }

  /** The key's index; a new key gets one. */
  keyIndex(type: string, stateKey: string): number {
    let byStateKey = this.#keyByType.get(type)
    if (byStateKey === undefined) {
      byStateKey = new Map()
      this.#keyByType.set(type, byStateKey)
    }
    const known = byStateKey.get(stateKey)
    if (known !== undefined) return known
    const key = this.#keyNames.length
    byStateKey.set(stateKey, key)
    this.#keyNames.push([type, stateKey])
    return key
  }

  /** The key's index, or −1 for one that no event has. */
  knownKeyIndex(type: string, stateKey: string): number {
    return this.#keyByType.get(type)?.get(stateKey) ?? -1
  }

  keyOf(key: number): readonly [type: string, stateKey: string] {
    return this.#keyNames[key]!
  }

  /** How many keys there are. */
  get keyCount(): number {
    return this.#keyNames.length
  }

  keyOfEvent(index: number): number {
    return this.#keys[index]!
  }

  /** The first and the last-but-one place of an event's auth edges in `authEdges`. */
  edgesFrom(index: number): number {
    return this.#edgesFrom[index]!
  }

  edgesTo(index: number): number {
    return this.#edgesFrom[index + 1]!
  }

  /** Where an auth edge leads. */
  citedAt(edge: number): number {
    return this.#edges[edge]!
  }

  /** Whether the content of two graphs' events is the same, auth chains included, shows in these four lanes. */
  fingerprint(index: number, lane: number): number {
    if (this.#fingerprinted[index] !== true) this.#fingerprintWithChain(index)
    return this.#fingerprints[index * fingerprintLanes + lane]!
  }

  /** The sum of the fingerprints of all rejected events: what a resolution depends on beside its state sets. */
  rejectedDigest(): string {
    const sums = new Int32Array(fingerprintLanes)
    for (const index of this.#rejected) {
      for (let lane = 0; lane < fingerprintLanes; lane++) {
        sums[lane] = (sums[lane]! + this.fingerprint(index, lane)) | 0
      }
    }
    return digestText(sums)
  }

  /** Fingerprints are worked out when first wanted, those of the auth chain before. */
  #fingerprintWithChain(from: number): void {
    const waiting = [from]
    for (let index = waiting.at(-1); index !== undefined; index = waiting.at(-1)) {
      const missing = this.#citedWithoutFingerprint(index)
      if (missing.length > 0) {
        waiting.push(...missing)
        continue
      }
      waiting.pop()
      if (this.#fingerprinted[index] !== true) this.#setFingerprint(index)
    }
  }

  #citedWithoutFingerprint(index: number): readonly number[] {
    const missing: number[] = []
    for (let edge = this.edgesFrom(index); edge < this.edgesTo(index); edge++) {
      const cited = this.citedAt(edge)
      if (this.#fingerprinted[cited] !== true) missing.push(cited)
    }
    return missing
  }

  #setFingerprint(index: number): void {
    const event = this.#events[index]!
    const own = sha256(canonicalJsonBytes([event.eventId, event.pdu]))
    const cited: Uint8Array[] = [own]
    for (let edge = this.edgesFrom(index); edge < this.edgesTo(index); edge++) {
      const at = this.citedAt(edge) * fingerprintLanes
      const lanes = this.#fingerprints.slice(at, at + fingerprintLanes)
      cited.push(new Uint8Array(lanes.buffer))
    }
    const digest = sha256(Buffer.concat(cited))
    const lanes = new DataView(digest.buffer, digest.byteOffset, fingerprintLanes * 4)
    for (let lane = 0; lane < fingerprintLanes; lane++) {
      this.#fingerprints[index * fingerprintLanes + lane] = lanes.getInt32(lane * 4, true)
    }
    this.#fingerprinted[index] = true
  }

  #reserve(index: number, edgeCount: number): void {
    if (index + 2 > this.#edgesFrom.length) {
      this.#edgesFrom = grown(this.#edgesFrom, index + 2)
      this.#fingerprints = grown(this.#fingerprints, (index + 2) * fingerprintLanes)
    }
    const end = this.#edgesFrom[index]! + edgeCount
    if (end > this.#edges.length) this.#edges = grown(this.#edges, end)
  }
}

/** Four lanes as text. */
export const digestText = (lanes: Int32Array): string =>
  Array.from(lanes, (lane) => (lane >>> 0).toString(16).padStart(8, "0")).join("")

const grown = (array: Int32Array<ArrayBuffer>, size: number): Int32Array<ArrayBuffer> => {
  const larger = new Int32Array(Math.max(size, array.length * 2))
  larger.set(array)
  return larger
}
