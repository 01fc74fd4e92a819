/** How far each user has read each room (server-server API §Receipts; client-server API §Receipts). */
import { Clock, Context, Effect, Layer } from "effect"
import { domainOf } from "../../core/identifiers.ts"
import { compareCodePoints } from "../../core/json/encode.ts"
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../core/json/value.ts"
import { identifierBytesMax } from "../../core/limits.ts"
import { Changes } from "../../homeserver/changes.ts"
import { Destinations } from "../../homeserver/destinations.ts"
import { Edus } from "../../homeserver/edus.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { aclAllows } from "../../homeserver/room-acl.ts"
import { type Room, Rooms } from "../../homeserver/rooms.ts"
import { isJoined, mayBeJoined, serversIn } from "../../homeserver/shared-rooms.ts"
import { EventStore, type RecordWrite, type StoreFailure } from "../../store/event-store.ts"
import { forbidden, type MatrixError, notFound } from "../matrix-error.ts"

/** One user's receipt in one thread of a room, or in all of it. */
export interface Receipt {
  readonly roomId: string
  readonly userId: string
  readonly type: "m.read" | "m.read.private"
  /** `main`, or the id of the thread's first event; undefined for a receipt that is of no thread. */
  readonly threadId: string | undefined
  readonly eventId: string
  /** When the event was read, in milliseconds since the epoch. */
  readonly ts: number
}

const collection = "receipts"
/** Threads that a user of another server may have read in one room, and be remembered for it. */
const threadsMax = 1_000

export class Receipts extends Context.Service<
  Receipts,
  {
    /**
     * A user of this server has read up to that event. One that is no later than the receipt before is passed
     * over. Private receipts stay here.
     */
    readonly read: (
      userId: string,
      roomId: string,
      eventId: string,
      options?: { readonly threadId?: string; readonly isPrivate?: boolean },
    ) => Effect.Effect<void, MatrixError | StoreFailure>
    /** By user, then by thread, in code-point order. */
    readonly receiptsIn: (roomId: string) => readonly Receipt[]
    /** What a receipt takes the place of has the same key. */
    readonly keyOf: (receipt: Receipt) => string
  }
>()("netsplit/Receipts") {
  /** Takes up what the store keeps. */
  static readonly layer = Layer.effect(
    Receipts,
    Effect.gen(function* () {
      const store = yield* EventStore
      const rooms = yield* Rooms
      const destinations = yield* Destinations
      const edus = yield* Edus
      const changes = yield* Changes
      const { serverName } = yield* ServerIdentity
      const receipts = new Map<string, Receipt>()
      /** In how many threads each user has read, by room. */
      const threads = new Map<string, number>()
      /** What a user of another server has read in more threads than are kept of one is passed over. */
      const withinBounds = (given: readonly Receipt[]): readonly Receipt[] => {
        const added = new Map<string, number>()
        return given.filter((receipt) => {
          if (receipts.has(keyOf(receipt))) return true
          const of = readerOf(receipt)
          const count = (added.get(of) ?? threads.get(of) ?? 0) + 1
          added.set(of, count)
          return count <= threadsMax
        })
      }

      const note = (receipt: Receipt): void => {
        const key = keyOf(receipt)
        const of = readerOf(receipt)
        if (!receipts.has(key)) threads.set(of, (threads.get(of) ?? 0) + 1)
        receipts.set(key, receipt)
      }

      const keep = Effect.fnUntraced(function* (given: readonly Receipt[]) {
        if (given.length === 0) return
        yield* store.commit({ records: given.map(recordOf) })
        for (const receipt of given) {
          note(receipt)
          changes.note("receipt", receipt.roomId, keyOf(receipt))
        }
      }, Effect.uninterruptible)

      for (const [, value] of yield* store.records(collection)) note(value as unknown as Receipt)

      edus.handle("m.receipt", (origin, content) =>
        Effect.gen(function* () {
          const given = Object.entries(content).flatMap(([roomId, types]) => {
            const room = rooms.find(roomId)
            return room === undefined || !aclAllows(room.dag, origin) ? [] : receiptsIn(room, types, origin)
          })
          yield* Effect.ignore(keep(withinBounds(given)))
        }),
      )

      const read = Effect.fnUntraced(function* (room: Room, receipt: Receipt) {
        if (!isJoined(room, receipt.userId)) return yield* forbidden(`${receipt.userId} is not in the room`)
        const event = room.dag.timeline(receipt.eventId)?.event
        if (event === undefined) return yield* notFound(`event ${receipt.eventId} is not held here`)
        const before = room.dag.timeline(receipts.get(keyOf(receipt))?.eventId ?? "")?.event
        if (before !== undefined && before.depth >= event.depth) return
        yield* keep([receipt])
        if (receipt.type === "m.read.private") return
        const queued = { id: `m.receipt ${keyOf(receipt)}`, edu: eduOf(receipt) }
        yield* destinations.sendEdus([queued], serversIn(room))
      }, Effect.uninterruptible)

      return Receipts.of({
        read: Effect.fnUntraced(function* (userId, roomId, eventId, options = {}) {
          if (domainOf(userId) !== serverName)
            return yield* forbidden(`${userId} is not a user of ${serverName}`)
          const room = yield* rooms.get(roomId)
          const type = options.isPrivate ? ("m.read.private" as const) : ("m.read" as const)
          const ts = yield* Clock.currentTimeMillis
          yield* read(room, { roomId, userId, type, threadId: options.threadId, eventId, ts })
        }),
        receiptsIn: (roomId) =>
          [...receipts.values()]
            .filter((receipt) => receipt.roomId === roomId)
            .sort((a, b) => compareCodePoints(keyOf(a), keyOf(b))),
        keyOf,
      })
    }),
  )
}

const keyOf = ({ roomId, userId, type, threadId }: Receipt): string =>
  JSON.stringify([roomId, userId, type, threadId ?? null])

const readerOf = ({ roomId, userId }: Receipt): string => JSON.stringify([roomId, userId])

const recordOf = (receipt: Receipt): RecordWrite => {
  const { threadId, ...rest } = receipt
  return {
    collection,
    key: keyOf(receipt),
    value: { ...rest, ...(threadId === undefined ? {} : { threadId }) },
  }
}

const eduOf = ({ roomId, userId, eventId, threadId, ts }: Receipt): JsonObject => {
  const data = { ts, ...(threadId === undefined ? {} : { thread_id: threadId }) }
  return {
    edu_type: "m.receipt",
    content: { [roomId]: { "m.read": { [userId]: { event_ids: [eventId], data } } } },
  }
}

/** §Receipts: `m.read` alone, of users of the sending server that are in the room, each for exactly one event. */
const receiptsIn = (room: Room, types: JsonValue, origin: string): readonly Receipt[] => {
  const read = isJsonObject(types) ? types["m.read"] : undefined
  if (!isJsonObject(read)) return []
  return Object.entries(read).flatMap(([userId, given]) => {
    if (domainOf(userId) !== origin || !mayBeJoined(room, userId) || !isJsonObject(given)) return []
    const { event_ids: eventIds, data } = given
    if (!isJsonArray(eventIds) || eventIds.length !== 1 || !isJsonObject(data)) return []
    const [eventId] = eventIds
    const { ts, thread_id: threadId } = data
    if (typeof eventId !== "string" || typeof ts !== "number") return []
    if (threadId !== undefined && typeof threadId !== "string") return []
    // They are kept: no event has a longer id, and a thread's is that of its first event.
    if (eventId.length > identifierBytesMax || (threadId?.length ?? 0) > identifierBytesMax) return []
    return [{ roomId: room.roomId, userId, type: "m.read" as const, threadId, eventId, ts }]
  })
}
