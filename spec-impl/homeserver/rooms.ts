import { Context, Effect, Exit, Layer } from "effect"
import type { Readings } from "../core/readings.ts"
import { type JournalEntry, journalEntry } from "../core/room-dag/decide-anew.ts"
import type { EventRecord } from "../core/room-dag/event-record.ts"
import type { RoomDag } from "../core/room-dag/room-dag.ts"
import type { RoomVersion } from "../core/room-version.ts"
import { roomVersion } from "../core/room-version.ts"
import type { Resolve } from "../core/state-resolution/resolve.ts"
import { type MatrixError, notFound } from "../federation/matrix-error.ts"
import type { StoreGroup } from "../store/event-store.ts"
import { EventStore, StoreFailure } from "../store/event-store.ts"
import { Changes } from "./changes.ts"
import { Eviction } from "./eviction.ts"
import { ServerIdentity } from "./identity.ts"
import { Lock } from "./lock.ts"
import {
  keptPartialStates,
  type PartialState,
  partialStateRemovals,
  partialStateWrites,
} from "./partial-states.ts"
import { Restorer } from "./restoring.ts"
import { positionOf, writesOf } from "./room-writes.ts"
import { Settings } from "./settings.ts"
import { Signatures } from "./signatures/signatures.ts"
import { Stopwatch, type StopwatchService } from "./stopwatch.ts"
import { Positions, RoomTimeline } from "./timeline.ts"

/** A room that this server holds. */
export interface Room {
  readonly roomId: string
  readonly version: RoomVersion
  /** How this server reads the specification. */
  readonly readings: Readings
  /** Another one once partial state has become whole: never kept across a request. */
  dag: RoomDag
  /** While the memberships before this server's join are not all known. */
  partial: PartialState | undefined
  /** Held while events are examined, committed and applied: never across a request to another server. */
  readonly writing: Lock
  /** Held while one event from another server is taken in, its missing history fetched first. */
  readonly receiving: Lock
  /** Held by the PDUs of one transaction, so that what comes later overtakes them only while they wait for it. */
  readonly arriving: Lock
  /** Tells where the time of its events goes. */
  readonly stopwatch: StopwatchService
  /** The events that clients may be shown, in order. */
  readonly timeline: RoomTimeline
}

/**
 * What happened to the events of a room, in the order in which it was decided; for observers only. Gives what is left to
 * do about it, if anything.
 */
export type RoomListener = (room: Room, record: EventRecord) => Effect.Effect<void> | undefined

/** The rooms of this homeserver, and the one way by which events enter them. */
export class Rooms extends Context.Service<
  Rooms,
  {
    /** By room id, in the order in which they came. */
    readonly all: () => readonly Room[]
    readonly find: (roomId: string) => Room | undefined
    /** Fails with 404 M_NOT_FOUND where the room is not held here. */
    readonly get: (roomId: string) => Effect.Effect<Room, MatrixError>
    /**
     * A room without events; it is held, and kept, with the first commit. What was held under that id before is
     * forgotten then, and nothing goes into it any more: whoever begins it anew holds its `writing`.
     */
    readonly make: (roomId: string, version: RoomVersion) => Room
    /**
     * Makes records durable together with `more` of the same group, then applies them, even where nobody waits for it
     * any more. The caller holds `room.writing`, and examined the records while it held it.
     */
    readonly commit: (
      room: Room,
      records: readonly EventRecord[],
      more?: StoreGroup,
    ) => Effect.Effect<void, StoreFailure>
    /** Does what can be done of a commit while it is not known yet whether it will come to it. */
    readonly prepare: (records: readonly EventRecord[]) => void
    /**
     * Puts the room as it was decided anew in the place of the one in partial state: `records` are all that it took
     * in, `more` says who stands outside by that. One group; the caller holds `room.receiving` and `room.writing`.
     */
    readonly makeWhole: (
      room: Room,
      dag: RoomDag,
      records: readonly EventRecord[],
      more: Pick<StoreGroup, "outside" | "records">,
    ) => Effect.Effect<void, StoreFailure>
    /** Tells `listener` of each event from now on, once it is durable and seen by all; it must not wait. */
    readonly watch: (listener: RoomListener) => void
    /** Where events are in the order in which this server took them in. */
    readonly positions: Positions
  }
>()("netsplit/Rooms") {
  /** Takes up what the store keeps. */
  static readonly layer = (listener: RoomListener = () => undefined) =>
    Layer.effect(
      Rooms,
      Effect.gen(function* () {
        const store = yield* EventStore
        const settings = yield* Settings
        const changes = yield* Changes
        const signatures = yield* Signatures
        const stopwatch = yield* Stopwatch
        const rooms = new Map<string, Room>()
        const forgotten = new WeakSet<Room>()
        const listeners = [listener]
        const positions = new Positions()
        const { serverName } = yield* ServerIdentity
        const eviction = new Eviction(serverName, settings.heldMessagesMax, store)
        const isHeld = (room: Pick<Room, "roomId">): boolean => rooms.get(room.roomId) === room

        const resolve: Resolve = (...asked) => {
          const since = stopwatch.now()
          const state = settings.resolve(...asked)
          stopwatch.add("resolution", since)
          return state
        }

        const make = (roomId: string, version: RoomVersion): Room => {
          const room: Room = {
            roomId,
            version,
            readings: settings.readings,
            dag: new settings.roomDag({
              version,
              readings: settings.readings,
              resolve,
              verify: signatures.verify,
              elsewhere: {
                recall: (...asked) => eviction.recall(roomId, version, ...asked),
                pages: eviction.pages,
              },
            }),
            partial: undefined,
            writing: new Lock(),
            receiving: new Lock(),
            arriving: new Lock(),
            stopwatch,
            timeline: new RoomTimeline(() => room.dag),
          }
          return room
        }

        const tellOf = (room: Room, record: EventRecord): Effect.Effect<void> => {
          let left: Effect.Effect<void> = Effect.void
          for (const listen of listeners) {
            const more = listen(room, record)
            if (more !== undefined) left = Exit.isExit(left) ? more : Effect.andThen(left, more)
          }
          return left
        }

        const commit = (room: Room, records: readonly EventRecord[], more: StoreGroup = {}) =>
          Effect.uninterruptibleMask(() => {
            if (forgotten.has(room)) return Effect.fail(roomForgotten(room))
            return keepAndApply(room, records, more, positions.take(room, records))
          })

        const keepAndApply = (
          room: Room,
          records: readonly EventRecord[],
          more: StoreGroup,
          taken: ReadonlyMap<string, number>,
        ): Effect.Effect<void, StoreFailure> => {
          const { states, events } = writesOf(room, room.dag, records, taken)
          const hasHistory = records.some((record) => record.place === "timeline")
          const { roomId, partial } = room
          const journal = partial === undefined ? [] : records.map(journalEntry)
          const held = rooms.get(roomId)
          const since = stopwatch.now()
          const group: StoreGroup = {
            ...more,
            // Mostly the room is there, and whole.
            ...(held === room && partial === undefined ? undefined : roomWrites(room, held, journal, more)),
            states,
            events,
            ...(hasHistory
              ? { extremities: [{ roomId, eventIds: room.dag.forwardExtremitiesWith(records) }] }
              : {}),
          }
          return Effect.matchCauseEffect(store.commit(group), {
            onFailure: (cause) => {
              positions.settle(taken)
              return Effect.failCause(cause)
            },
            onSuccess: () => {
              stopwatch.add("store", since, records.length)
              rooms.set(roomId, room)
              if (held !== undefined && held !== room) forgotten.add(held)
              partial?.journal.push(...journal)
              let left: Effect.Effect<void> = Effect.void
              try {
                left = applyFrom(0, room, records, taken)
              } finally {
                if (Exit.isExit(left)) positions.settle(taken)
              }
              return Exit.isExit(left)
                ? left
                : Effect.ensuring(
                    left,
                    Effect.sync(() => positions.settle(taken)),
                  )
            },
          })
        }

        /** Lets all see those records, one after the other, from that one on. */
        const applyFrom = (
          first: number,
          room: Room,
          records: readonly EventRecord[],
          taken: ReadonlyMap<string, number>,
        ): Effect.Effect<void> => {
          for (let at = first; at < records.length; at++) {
            const record = records[at]!
            room.dag.apply(record)
            const position = taken.get(record.event.eventId)
            if (position !== undefined && record.place === "timeline") {
              const entry = { position, record }
              room.timeline.add([entry])
              eviction.note(room, entry)
            }
            const left = tellOf(room, record)
            if (Exit.isExit(left)) continue
            return Effect.andThen(
              left,
              Effect.suspend(() => applyFrom(at + 1, room, records, taken)),
            )
          }
          eviction.evict(isHeld)
          return Effect.void
        }

        const makeWhole = Effect.fnUntraced(function* (
          room: Room,
          dag: RoomDag,
          records: readonly EventRecord[],
          more: Pick<StoreGroup, "outside" | "records">,
        ) {
          if (forgotten.has(room)) return yield* roomForgotten(room)
          const taken = positions.take(room, records)
          yield* keepWhole(room, dag, records, more, taken).pipe(
            Effect.ensuring(Effect.sync(() => positions.settle(taken))),
          )
        })

        const keepWhole = Effect.fnUntraced(function* (
          room: Room,
          dag: RoomDag,
          records: readonly EventRecord[],
          more: Pick<StoreGroup, "outside" | "records">,
          taken: ReadonlyMap<string, number>,
        ) {
          const { roomId, partial, dag: before } = room
          yield* store.commit({
            ...writesOf(room, dag, records, taken),
            extremities: [{ roomId, eventIds: dag.forwardExtremities() }],
            ...more,
            records: [...(more.records ?? []), ...partialStateRemovals(roomId, partial)],
          })
          room.dag = dag
          room.timeline.replace(
            records.flatMap((record) => {
              const position = positionOf(room, record, taken)
              return position === undefined || record.place === "outlier" ? [] : [{ position, record }]
            }),
          )
          room.partial = undefined
          partial?.whole.openUnsafe()
          changes.note("wholeRoom", roomId)
          for (const record of records) {
            const known = before.record(record.event.eventId)
            if (known?.place === record.place && known.verdict === record.verdict) continue
            yield* tellOf(room, record)
          }
        }, Effect.uninterruptible)

        const partialStates = yield* keptPartialStates(store)
        for (const stored of yield* store.rooms) {
          const isIts = ({ id }: RoomVersion): boolean => id === stored.roomVersion
          const version = settings.roomVersions.find(isIts) ?? roomVersion(stored.roomVersion)
          if (version === undefined) continue
          const room = make(stored.roomId, version)
          room.dag.restoreExtremities(stored.extremities)
          room.partial = partialStates.get(stored.roomId)
          if (room.partial !== undefined) room.dag.presumedServers = new Set(room.partial.servers)
          rooms.set(room.roomId, room)
        }
        const restorer = new Restorer(rooms, yield* store.states)
        yield* store.events("state", (write) => restorer.takeState(write))
        yield* store.events("all", (write) => {
          const taken = restorer.take(write)
          if (taken === undefined) return
          positions.restore(taken.entry.position)
          eviction.note(taken.room, taken.entry)
          eviction.evict(isHeld)
        })

        return Rooms.of({
          all: () => [...rooms.values()],
          find: (roomId) => rooms.get(roomId),
          get: (roomId) => {
            const room = rooms.get(roomId)
            return room === undefined
              ? Effect.fail(notFound(`this server is not in room ${roomId}`))
              : Effect.succeed(room)
          },
          make,
          commit,
          prepare: (records) => store.prepare(records.map(({ event }) => event.pdu)),
          makeWhole,
          watch: (listen) => void listeners.push(listen),
          positions,
        })
      }),
    )
}

/** What is kept of the room itself beside its events: that it begins, or begins anew, and what is left out of its state. */
const roomWrites = (
  room: Room,
  held: Room | undefined,
  journal: readonly JournalEntry[],
  more: StoreGroup,
): Pick<StoreGroup, "forgottenRooms" | "rooms" | "records"> => {
  const { roomId, version, partial } = room
  const partialState = [
    ...(held === room ? [] : partialStateRemovals(roomId, held?.partial)),
    ...partialStateWrites(roomId, partial, journal),
  ]
  return {
    ...(held === undefined || held === room ? {} : { forgottenRooms: [roomId] }),
    ...(held === room ? {} : { rooms: [{ roomId, roomVersion: version.id }] }),
    ...(partialState.length === 0 ? {} : { records: [...(more.records ?? []), ...partialState] }),
  }
}

const roomForgotten = ({ roomId }: Room): StoreFailure =>
  new StoreFailure({ reason: "broken", detail: `room ${roomId} was left, and is another one now` })
