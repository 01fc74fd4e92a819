/** Rooms as they were kept, taken up again event by event. */
import type { Event } from "../core/event.ts"
import { keptEvent } from "../core/event-format.ts"
import { computed, type EventRecord, TimelineRecord } from "../core/room-dag/event-record.ts"
import type { RoomDag } from "../core/room-dag/room-dag.ts"
import type { RoomVersion } from "../core/room-version.ts"
import type { EventWrite, StateWrite } from "../store/event-store.ts"
import { statesFrom } from "./room-writes.ts"
import type { RoomTimeline, TimelineEntry } from "./timeline.ts"

/** What is asked of a room that is taken up. */
interface RestoredRoom {
  readonly roomId: string
  readonly version: RoomVersion
  readonly dag: RoomDag
  readonly timeline: RoomTimeline
}

/**
 * First all state events, in the order in which they were committed, and then all events in that order: a state may
 * hold events that came after one before which it was, where it was decided anew.
 */
export class Restorer<Room extends RestoredRoom> {
  readonly #rooms: ReadonlyMap<string, Room>
  readonly #kept: ReadonlyMap<string, StateWrite>
  /** By room. */
  readonly #stateOf = new Map<string, ReturnType<typeof statesFrom>>()
  readonly #stateEvents = new Map<string, Map<string, { readonly event: Event; readonly index: number }>>()

  constructor(rooms: ReadonlyMap<string, Room>, states: readonly StateWrite[]) {
    this.#rooms = rooms
    this.#kept = new Map(states.map((write) => [write.digest, write]))
    for (const [roomId, { dag }] of rooms) {
      this.#stateOf.set(roomId, statesFrom(this.#kept, dag.graph))
      this.#stateEvents.set(roomId, new Map())
    }
  }

  /** Has a state event in the room's auth graph; others are passed over. */
  takeState({ roomId, eventId, pdu, objection }: EventWrite): void {
    const room = this.#rooms.get(roomId)
    if (room === undefined || pdu.state_key === undefined) return
    const event = keptEvent(pdu, eventId, room.version)
    const index = objection?.check === 4 ? -1 : room.dag.graph.add(event)
    this.#stateEvents.get(roomId)!.set(eventId, { event, index })
  }

  /** Applies an event as it was kept; gives the room and the entry by which clients are shown it, where there is one. */
  take(write: EventWrite): { readonly room: Room; readonly entry: TimelineEntry } | undefined {
    const { roomId, eventId, pdu, position } = write
    const room = this.#rooms.get(roomId)
    if (room === undefined) return undefined
    if (write.restrictedJoinSigned) room.dag.noteSignedRestrictedJoin(eventId)
    const record = this.#recordOf(
      room,
      write,
      this.#stateEvents.get(roomId)!.get(eventId) ?? {
        event: keptEvent(pdu, eventId, room.version),
        index: -1,
      },
    )
    room.dag.restore(record)
    if (position === undefined || record.place === "outlier") return undefined
    const entry = { position, record }
    room.timeline.add([entry])
    return { room, entry }
  }

  #recordOf(
    { roomId }: RestoredRoom,
    { verdict, objection, history, position }: EventWrite,
    held: { readonly event: Event; readonly index: number },
  ): EventRecord {
    if (history === undefined) return { place: "outlier", ...held, verdict, objection, children: undefined }
    const stateOf = this.#stateOf.get(roomId)!
    const { stateBefore, stateAfter, claimedBy } = history
    return new TimelineRecord({
      ...held,
      verdict,
      objection,
      stateBefore: stateOf(stateBefore),
      stateAfter: stateOf(stateAfter),
      // What was fetched of the past has a place in the past (`timeline.ts`); the rest was news once.
      arrival: position !== undefined && position < 0 ? "historical" : "new",
      stateSource: claimedBy === undefined ? computed : { kind: "claimed", by: claimedBy },
    })
  }
}
