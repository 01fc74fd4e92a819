/**
 * Which messages leave memory: once more are held than a server wants to, those that came first. They are kept by then,
 * and read again where somebody asks for them. State events stay, and with them outliers, redactions, and whatever was
 * not accepted: by them it is decided what comes.
 */
import type { Event } from "../core/event.ts"
import { keptEvent } from "../core/event-format.ts"
import { domainOf } from "../core/identifiers.ts"
import { isJsonObject } from "../core/json/value.ts"
import { Pages } from "../core/paging/pages.ts"
import type { Recall } from "../core/room-dag/held-events.ts"
import type { RoomDag } from "../core/room-dag/room-dag.ts"
import type { RoomVersion } from "../core/room-version.ts"
import type { EventStore } from "../store/event-store.ts"
import type { RoomTimeline, TimelineEntry } from "./timeline.ts"

/** Of so many that are held one goes at a time; of more than that as many together, which takes less for each. */
const heldForEachTogether = 64

/** So many of those that were read last are held, since who asks for one asks for it again. */
const recalledMax = 1_000

/** What is asked of a room whose events are evicted. */
interface HoldingRoom {
  readonly roomId: string
  readonly dag: RoomDag
  readonly partial: object | undefined
  readonly timeline: RoomTimeline
}

/** An event that may be evicted. */
interface Held {
  readonly room: HoldingRoom
  readonly entry: TimelineEntry
}

const keyOf = (roomId: string, eventId: string): string => `${roomId} ${eventId}`

export class Eviction {
  /** A page for four messages that are held: a sixth of what these take. */
  readonly pages: Pages
  readonly #serverName: string
  readonly #heldMax: number
  readonly #store: EventStore["Service"]
  /** The one that came first is at `#first`. */
  #queue: Held[] = []
  #first = 0
  /** Those that had to stay when it was their turn, until something new comes in their room. */
  readonly #staying = new WeakMap<HoldingRoom, Held[]>()
  readonly #recalled = new Map<string, Event>()

  constructor(serverName: string, heldMax: number, store: EventStore["Service"]) {
    this.#serverName = serverName
    this.#heldMax = heldMax
    this.#store = store
    this.pages = new Pages(store.scratch, heldMax / 4)
  }

  /** An event of a room that was evicted, as it is kept. Throws where it cannot be read. */
  recall(roomId: string, version: RoomVersion, ...[eventId, next]: Parameters<Recall>): Event {
    const known = this.#recalled.get(keyOf(roomId, eventId))
    if (known !== undefined) {
      this.#remember(known)
      return known
    }
    let asked: Event | undefined
    for (const kept of this.#store.eventsNow(roomId, [...next(), eventId])) {
      const event = keptEvent(kept.pdu, kept.eventId, version)
      this.#remember(event)
      if (kept.eventId === eventId) asked = event
    }
    if (asked === undefined) throw new Error(`${eventId} of ${roomId} is not kept any more`)
    return asked
  }

  #remember(event: Event): void {
    const key = keyOf(event.roomId, event.eventId)
    this.#recalled.delete(key)
    this.#recalled.set(key, event)
    for (const oldest of this.#recalled.keys()) {
      if (this.#recalled.size <= recalledMax) break
      this.#recalled.delete(oldest)
    }
  }

  /** Takes note of an event that is kept, and has a place in the room's timeline. */
  note(room: HoldingRoom, entry: TimelineEntry): void {
    if (this.#heldMax === Number.POSITIVE_INFINITY) return
    const staying = room.partial === undefined ? this.#staying.get(room) : undefined
    if (staying !== undefined) {
      this.#staying.delete(room)
      this.#queue.push(...staying)
    }
    if (
      room.dag.held.isEvictable(entry.record, entry.position) &&
      !this.#isOwnAnnotation(entry.record.event)
    ) {
      this.#queue.push({ room, entry })
    }
  }

  /** Evicts what is too much, and some more; `isHeld` tells whether a room is still one of this server's. */
  evict(isHeld: (room: HoldingRoom) => boolean): void {
    if (this.#queue.length - this.#first <= this.#heldMax) return
    const left = this.#heldMax - Math.floor(this.#heldMax / heldForEachTogether)
    while (this.#queue.length - this.#first > left) {
      const held = this.#queue[this.#first]!
      this.#first += 1
      const { room, entry } = held
      if (!isHeld(room)) continue
      const { eventId } = entry.record.event
      if (room.partial !== undefined || room.dag.forwardExtremities().includes(eventId)) {
        this.#stay(held)
        continue
      }
      const ordinal = room.dag.held.evict(eventId, entry.position)
      if (ordinal !== undefined) room.timeline.evict(entry, ordinal)
    }
    if (this.#first * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#first)
      this.#first = 0
    }
  }

  #stay(held: Held): void {
    const staying = this.#staying.get(held.room)
    if (staying === undefined) this.#staying.set(held.room, [held])
    else staying.push(held)
  }

  /** Whether a user said the same of an event before is asked of all of them (client-server API §Avoiding duplicate annotations). */
  #isOwnAnnotation({ sender, content }: Event): boolean {
    const relation = content["m.relates_to"]
    return (
      domainOf(sender) === this.#serverName && isJsonObject(relation) && relation.rel_type === "m.annotation"
    )
  }
}
