/**
 * The state events of a room with their auth edges, interned to integers.
 *
 * An event gets its index when it is added, after those that it cites. So every walk towards the past goes to
 * smaller indices, and one descending sweep over plain arrays does what sets of ids would. Indices are this
 * graph's own affair: they never decide an order.
 */
import type { Event } from "../event.ts"
import type { RoomVersion } from "../room-version.ts"
import { type Digest, digestText, emptyDigest } from "./digest.ts"
import { Fingerprints } from "./fingerprints.ts"
import { GrowableIntegers } from "./growable.ts"
import { LatelyUsed } from "./lately-used.ts"
import { type StateKey, StateKeys } from "./state-keys.ts"

/** Auth edges for loops: event i cites `targets[starts[i]]` to `targets[starts[i + 1] - 1]`, in its own order. */
export interface AuthEdges {
  readonly starts: Int32Array
  readonly targets: Int32Array
}

export class AuthGraph {
  readonly version: RoomVersion
  /** Of the states that its events make up. */
  readonly statesInUse = new LatelyUsed()
  readonly #events: Event[] = []
  readonly #indices = new Map<string, number>()
  readonly #keys = new StateKeys()
  readonly #powerLevelsKey: number
  readonly #keyOfEvent = new GrowableIntegers()
  readonly #starts = new GrowableIntegers()
  readonly #targets = new GrowableIntegers()
  readonly #citedPowerLevels = new GrowableIntegers()
  readonly #rejected = new Set<number>()
  readonly #authorisedJoins = new Set<number>()
  readonly #fingerprints = new Fingerprints()
  #create = -1
  #truncations = 0
  #revision = 0
  #verdicts: { readonly revision: number; readonly size: number; readonly digest: string } | undefined

  constructor(version: RoomVersion) {
    this.version = version
    this.#powerLevelsKey = this.#keys.intern("m.room.power_levels", "")
    this.#starts.push(0)
  }

  /** How many events there are; their indices go from 0 to one less. */
  get size(): number {
    return this.#events.length
  }

  /**
   * Gives the event's index, and adds it where it is new. Throws for a message event, and where an auth event
   * was not added before; then the graph is as it was.
   */
  add(event: Event, options: { readonly rejected?: boolean } = {}): number {
    const { eventId, type, stateKey, authEvents } = event
    const known = this.#indices.get(eventId)
    if (known !== undefined) return known
    if (stateKey === undefined) throw new Error(`${eventId} is no state event`)
    this.#addEdges(eventId, authEvents)
    const index = this.#events.length
    this.#events.push(event)
    this.#indices.set(eventId, index)
    this.#keyOfEvent.push(this.#keys.intern(type, stateKey))
    if (options.rejected === true) this.#rejected.add(index)
    if (type === "m.room.create" && stateKey === "" && this.#create < 0) {
      this.#create = index
      this.#revision += 1
    }
    this.#noteAuthorisedJoin(index, event)
    return index
  }

  /** Takes back all events from index `size` on: no state may hold one of them that is still used. */
  truncate(size: number): void {
    if (this.#events.length <= size) return
    this.#truncations += 1
    this.#revision += 1
    for (let index = this.#events.length - 1; index >= size; index--) {
      this.#indices.delete(this.#events.pop()!.eventId)
      this.#rejected.delete(index)
      this.#authorisedJoins.delete(index)
    }
    if (this.#create >= size) this.#create = -1
    this.#keyOfEvent.truncate(size)
    this.#citedPowerLevels.truncate(size)
    this.#targets.truncate(this.#starts.at(size))
    this.#starts.truncate(size + 1)
    this.#fingerprints.truncate(size)
  }

  /** How often events were taken back: indices are given anew after that. */
  get truncations(): number {
    return this.#truncations
  }

  /**
   * Another number whenever what a resolution of states that were there before may depend on is another: in which
   * copies there are events, and which are rejected. What is added is in no auth chain of theirs.
   */
  get revision(): number {
    return this.#revision
  }

  /** Puts another copy of the event at `index` in the place of the one that is there: of one reference hash with it. */
  replace(index: number, copy: Event): void {
    if (this.#events[index] === copy) return
    this.#revision += 1
    this.#events[index] = copy
    this.#noteAuthorisedJoin(index, copy)
    this.#fingerprints.renewCopy(index, this)
  }

  /** Redaction takes from rooms of version 8 by whose authority somebody joined. */
  #noteAuthorisedJoin(index: number, event: Event): void {
    if (this.version.auth.restricted && isAuthorisedJoin(event)) this.#authorisedJoins.add(index)
    else this.#authorisedJoins.delete(index)
  }

  #addEdges(eventId: string, authEvents: readonly string[]): void {
    const start = this.#targets.length
    const last = this.#events.length - 1
    const lastCited = last < 0 ? [] : this.#events[last]!.authEvents
    const lastStart = last < 0 ? 0 : this.#starts.at(last)
    let powerLevels = -1
    for (let at = 0; at < authEvents.length; at++) {
      const cited = authEvents[at]!
      // Neighbours mostly cite the same create event, power levels and join rules: comparing is cheaper than hashing.
      const target = cited === lastCited[at] ? this.#targets.at(lastStart + at) : this.#indices.get(cited)
      if (target === undefined) {
        this.#targets.truncate(start)
        throw new Error(`${eventId} cites ${cited}, which was not added before`)
      }
      this.#targets.push(target)
      if (powerLevels < 0 && this.#keyOfEvent.at(target) === this.#powerLevelsKey) powerLevels = target
    }
    this.#starts.push(this.#targets.length)
    this.#citedPowerLevels.push(powerLevels)
  }

  /** The index of the event with that id, where it was added. */
  indexOf(eventId: string): number | undefined {
    return this.#indices.get(eventId)
  }

  event(index: number): Event {
    return this.#events[index]!
  }

  /** The auth edges as they are now; after the next `add` they must be asked for again. */
  get edges(): AuthEdges {
    return { starts: this.#starts.values, targets: this.#targets.values }
  }

  /** The events that the one at `index` cites in its auth_events, in its own order. */
  *citedBy(index: number): Generator<number> {
    const end = this.#starts.at(index + 1)
    for (let at = this.#starts.at(index); at < end; at++) yield this.#targets.at(at)
  }

  /** The room's m.room.power_levels, with the empty state key, that the event cites in its auth_events, or −1. */
  citedPowerLevels(index: number): number {
    return this.#citedPowerLevels.at(index)
  }

  /** The event under that key that the event at `index` cites and that was not rejected, or −1. */
  citedUnderKey(index: number, key: number): number {
    const end = this.#starts.at(index + 1)
    for (let at = this.#starts.at(index); at < end; at++) {
      const cited = this.#targets.at(at)
      if (this.#keyOfEvent.at(cited) === key && !this.#rejected.has(cited)) return cited
    }
    return -1
  }

  /** The room's create event unless it was rejected: of room 12 as well, where nobody cites it. */
  createEvent(): Event | undefined {
    return this.#create < 0 || this.#rejected.has(this.#create) ? undefined : this.#events[this.#create]
  }

  isRejected(index: number): boolean {
    return this.#rejected.has(index)
  }

  setRejected(index: number, rejected: boolean): void {
    if (rejected === this.#rejected.has(index)) return
    this.#revision += 1
    if (rejected) this.#rejected.add(index)
    else this.#rejected.delete(index)
  }

  /** The index of a state key; a new one gets one. */
  keyIndex(type: string, stateKey: string): number {
    return this.#keys.intern(type, stateKey)
  }

  /** The index of a state key, or −1 for one that was never asked for by `keyIndex` nor is any event's. */
  knownKeyIndex(type: string, stateKey: string): number {
    return this.#keys.find(type, stateKey)
  }

  /** The index of (m.room.power_levels, ""). */
  get powerLevelsKey(): number {
    return this.#powerLevelsKey
  }

  keyOf(key: number): StateKey {
    return this.#keys.pair(key)
  }

  keyOfEvent(index: number): number {
    return this.#keyOfEvent.at(index)
  }

  /** How many state keys there are; their indices go from 0 to one less. */
  get keyCount(): number {
    return this.#keys.count
  }

  /** Adds to `sum` what tells the event at `index`, with its auth chain, from all others. */
  addFingerprint(sum: Digest, index: number): void {
    this.#fingerprints.addTo(sum, index, this)
  }

  /**
   * What a resolution depends on beside its state sets, and servers may see differently though they hold the
   * same events: which are rejected, which restricted joins are signed, which create event the room has, which events
   * are held in a redacted copy.
   */
  verdictsDigest(isSigned: (event: Event) => boolean): string {
    if (this.#verdicts?.revision !== this.#revision || this.#verdicts.size !== this.size) {
      this.#verdicts = { revision: this.#revision, size: this.size, digest: this.#unsignedVerdicts() }
    }
    if (this.#authorisedJoins.size === 0) return this.#verdicts.digest
    const signed = emptyDigest()
    for (const index of this.#authorisedJoins) {
      if (isSigned(this.#events[index]!)) this.addFingerprint(signed, index)
    }
    return `${this.#verdicts.digest} ${digestText(signed)}`
  }

  #unsignedVerdicts(): string {
    const rejected = emptyDigest()
    for (const index of this.#rejected) this.addFingerprint(rejected, index)
    const create = emptyDigest()
    if (this.createEvent() !== undefined) this.addFingerprint(create, this.#create)
    const copies = emptyDigest()
    this.#fingerprints.addCopies(copies, this)
    return [rejected, create, copies].map(digestText).join(" ")
  }
}

const isAuthorisedJoin = ({ type, content }: Event): boolean =>
  type === "m.room.member" && Object.hasOwn(content, "join_authorised_via_users_server")
