import { Effect, Layer } from "effect"
import { compareCodePoints } from "../core/json/encode.ts"
import type { JsonValue } from "../core/json/value.ts"
import { memoryScratch } from "../core/paging/pages.ts"
import { Recent } from "../core/recent.ts"
import { SmallMap, withEntry, withoutKey } from "../core/small-map.ts"
import {
  type DestinationWrite,
  type EventReference,
  EventStore,
  type OutsideWrite,
  type QueuedEdu,
  type StateWrite,
  type StoredRoom,
  StoreFailure,
  type StoreGroup,
  type TransactionInFlight,
} from "./event-store.ts"
import { KeptAnswers } from "./kept-answers.ts"
import { KeptEvents } from "./kept-events.ts"
import { KeptLog } from "./kept-log.ts"
import { sharedState } from "./shared-writes.ts"

interface KeptRoom {
  readonly roomVersion: string
  readonly events: KeptEvents
  extremities: readonly string[]
}

interface KeptDestination {
  /** Undefined where there is none, as mostly. */
  unsent: SmallMap<string, EventReference> | undefined
  unsentEdus: SmallMap<string, QueuedEdu> | undefined
  inFlight: TransactionInFlight | undefined
}

/** What survives a crash: made once for a server, and handed to the store of each of its incarnations. */
export class MemoryDisk {
  readonly rooms = new Map<string, KeptRoom>()
  states = new KeptLog<StateWrite>(({ digest }) => digest)
  readonly destinations = new Map<string, KeptDestination>()
  readonly outside = new Map<string, OutsideWrite>()
  answers = new KeptAnswers()
  /** By collection, then by key. */
  readonly records = new Map<string, Map<string, JsonValue>>()
  /** By collection, then by key. */
  readonly blobs = new Map<string, Map<string, Uint8Array>>()

  /** All that is kept now, on a disk of its own: a backup. What is kept is never changed, but replaced. */
  copy(): MemoryDisk {
    const copy = new MemoryDisk()
    for (const [roomId, room] of this.rooms) copy.rooms.set(roomId, { ...room, events: room.events.copy() })
    copy.states = this.states.copy()
    for (const [name, { unsent, unsentEdus, inFlight }] of this.destinations) {
      copy.destinations.set(name, {
        unsent: unsent && new SmallMap(unsent),
        unsentEdus: unsentEdus && new SmallMap(unsentEdus),
        inFlight,
      })
    }
    for (const [key, write] of this.outside) copy.outside.set(key, write)
    copy.answers = this.answers.copy()
    for (const [collection, records] of this.records) copy.records.set(collection, new Map(records))
    for (const [collection, blobs] of this.blobs) copy.blobs.set(collection, new Map(blobs))
    return copy
  }
}

/** The contract of `EventStore` over a `MemoryDisk`: a group is applied between two steps of one task. */
export const memoryStore = (disk: MemoryDisk): EventStore["Service"] =>
  EventStore.of({
    commit: (group) => Effect.suspend(() => commitNow(disk, group)),
    prepare: () => undefined,
    rooms: Effect.sync(() =>
      [...disk.rooms]
        .map(
          ([roomId, room]): StoredRoom => ({
            roomId,
            roomVersion: room.roomVersion,
            extremities: room.extremities,
          }),
        )
        .sort((a, b) => compareCodePoints(a.roomId, b.roomId)),
    ),
    events: (which, visit) =>
      Effect.sync(() => {
        for (const { events } of disk.rooms.values()) {
          for (const event of events.values()) {
            if (which === "all" || Object.hasOwn(event.pdu, "state_key")) visit(event)
          }
        }
      }),
    eventsNow: (roomId, eventIds) =>
      eventIds.flatMap((eventId) => disk.rooms.get(roomId)?.events.get(eventId) ?? []),
    scratch: memoryScratch(),
    states: Effect.sync(() => [...disk.states.values()]),
    destinations: Effect.sync(() =>
      [...disk.destinations]
        .filter(([, { unsent, unsentEdus }]) => unsent !== undefined || unsentEdus !== undefined)
        .map(([destination, kept]) => ({
          destination,
          unsent: [...(kept.unsent?.values() ?? [])],
          unsentEdus: [...(kept.unsentEdus?.values() ?? [])],
          inFlight: kept.inFlight,
        }))
        .sort((a, b) => compareCodePoints(a.destination, b.destination)),
    ),
    records: (collection) =>
      Effect.sync(() =>
        [...(disk.records.get(collection) ?? [])].sort(([a], [b]) => compareCodePoints(a, b)),
      ),
    blob: (collection, key) => Effect.sync(() => disk.blobs.get(collection)?.get(key)),
    outside: Effect.sync(() =>
      [...disk.outside.values()].sort(
        (a, b) => compareCodePoints(a.userId, b.userId) || compareCodePoints(a.roomId, b.roomId),
      ),
    ),
    answered: (countMax) => Effect.sync(() => disk.answers.newest(countMax)),
    answer: (origin, transactionId) => Effect.sync(() => disk.answers.get(origin, transactionId)),
  })

/** The layer in memory. */
export const layerMemory = (disk: MemoryDisk): Layer.Layer<EventStore> =>
  Layer.succeed(EventStore, memoryStore(disk))

const none: readonly never[] = []

/**
 * Keeps a group when it is called, and gives what came of it. Checks the whole group before it writes any of it, so that a
 * failure leaves nothing behind.
 */
export const commitNow = (disk: MemoryDisk, group: StoreGroup): Effect.Effect<void, StoreFailure> => {
  const problem = problemOf(disk, group)
  if (problem !== undefined) return new StoreFailure({ reason: "broken", detail: problem })
  for (const roomId of group.forgottenRooms ?? none) disk.rooms.delete(roomId)
  for (const { roomId, roomVersion } of group.rooms ?? none) {
    if (!disk.rooms.has(roomId))
      disk.rooms.set(roomId, { roomVersion, events: new KeptEvents(), extremities: [] })
  }
  for (const state of group.states ?? none) {
    if (!disk.states.has(state.digest)) disk.states.set(sharedState(state))
  }
  for (const event of group.events ?? none) disk.rooms.get(event.roomId)!.events.keep(event)
  for (const { roomId, eventIds } of group.extremities ?? none) disk.rooms.get(roomId)!.extremities = eventIds
  for (const write of group.destinations ?? none) keepDestination(disk, write)
  for (const write of group.outside ?? none) {
    const key = JSON.stringify([write.userId, write.roomId])
    if (write.standing === null) disk.outside.delete(key)
    else disk.outside.set(key, write)
  }
  for (const { collection, key, value } of group.records ?? none) {
    const kept = disk.records.get(collection) ?? new Map<string, JsonValue>()
    disk.records.set(collection, kept)
    if (value === null) kept.delete(key)
    else kept.set(key, value)
  }
  for (const { collection, key, bytes } of group.blobs ?? none) {
    const kept = disk.blobs.get(collection) ?? new Map<string, Uint8Array>()
    disk.blobs.set(collection, kept)
    if (bytes === null) kept.delete(key)
    else kept.set(key, bytes)
  }
  for (const { origin, transactionId, answer, answeredTs } of group.answers ?? none) {
    disk.answers.set(origin, transactionId, { answer, answeredTs })
  }
  if (group.answersForgottenBefore !== undefined) disk.answers.forgetBefore(group.answersForgottenBefore)
  return Effect.void
}

/** Why the group cannot be kept: an event of no room, or a state that rests on none. */
const problemOf = (disk: MemoryDisk, group: StoreGroup): string | undefined => {
  const isKept = ({ roomId }: { readonly roomId: string }): boolean =>
    group.rooms?.some((room) => room.roomId === roomId) ||
    (disk.rooms.has(roomId) && !group.forgottenRooms?.includes(roomId))
  const homeless =
    group.events?.find((write) => !isKept(write)) ?? group.extremities?.find((write) => !isKept(write))
  if (homeless !== undefined) return `no room ${homeless.roomId} is kept here`
  if (group.states === undefined || group.states.length === 0) return undefined
  const fresh = new Set<string>()
  for (const { digest, basedOn } of group.states) {
    if (basedOn !== undefined && !fresh.has(basedOn) && !disk.states.has(basedOn))
      return `state ${digest} rests on ${basedOn}, which is not kept`
    fresh.add(digest)
  }
  return undefined
}

/** The same text for all destinations of an event, which are given one and the same reference. */
const referenceKey = (reference: EventReference): string =>
  referenceKeys.get(reference) ?? referenceKeys.keep(reference, reference.join("\n"))

const referenceKeys = new Recent<EventReference, string>(256)

const keepDestination = (disk: MemoryDisk, write: DestinationWrite): void => {
  const kept = disk.destinations.get(write.destination) ?? noneKept()
  disk.destinations.set(write.destination, kept)
  for (const reference of write.queued ?? [])
    kept.unsent = withEntry(kept.unsent, referenceKey(reference), reference)
  for (const reference of write.settled ?? []) kept.unsent = withoutKey(kept.unsent, referenceKey(reference))
  for (const queued of write.queuedEdus ?? []) kept.unsentEdus = withEntry(kept.unsentEdus, queued.id, queued)
  for (const id of write.settledEdus ?? []) kept.unsentEdus = withoutKey(kept.unsentEdus, id)
  if (write.inFlight !== undefined) kept.inFlight = write.inFlight ?? undefined
  const isIdle = (kept.unsent ?? kept.unsentEdus ?? kept.inFlight) === undefined
  if (isIdle) disk.destinations.delete(write.destination)
}

const noneKept = (): KeptDestination => ({ unsent: undefined, unsentEdus: undefined, inFlight: undefined })
