/** The PDUs of one transaction that are of one room: each taken through the checks, its missing history fetched first. */
import { Effect } from "effect"
import type { Event } from "../core/event.ts"
import { eventIdOf } from "../core/event-id.ts"
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json/value.ts"
import type { RoomVersion } from "../core/room-version.ts"
import type { StoreGroup } from "../store/event-store.ts"
import { admit, admitInTurn } from "./admission.ts"
import type { JoinsInFlight } from "./joins-in-flight.ts"
import type { KeyRing } from "./key-ring.ts"
import { heldRoom } from "./local-joins.ts"
import { Lock } from "./lock.ts"
import { fillGap } from "./missing-events.ts"
import { Outside } from "./outside.ts"
import { Resyncs } from "./resyncs.ts"
import { aclAllows } from "./room-acl.ts"
import { type Room, Rooms } from "./rooms.ts"
import { Settings } from "./settings.ts"
import { readPdu, type Vetted, vetEventsBy } from "./vetting.ts"
import { receiveWithdrawal } from "./withdrawals.ts"

/** What the answer says of one PDU: its event id, where it has one, and what became of it. */
export type PduResult = readonly [eventId: string | undefined, { readonly error?: string }]

/** Of a PDU that was taken in: nothing need be said. */
export const takenIn: PduResult[1] = {}

/** A PDU with what of it does not depend on what comes before it: its event, or why it is dropped. */
interface ReadPdu {
  readonly eventId: string | undefined
  readonly vetted: Vetted
}

/**
 * Takes in `pdus`, all said to be of `roomId`, in their order. `more` is kept in the group of the last of them, where
 * that can be: it is told all results, and whether it was kept is told with them. Fails where the store does, or where
 * that is how this server reads the specification.
 */
export const receivePdus = (
  receiver: Receiver,
  origin: string,
  roomId: string,
  pdus: readonly JsonValue[],
  more: ((results: readonly PduResult[]) => StoreGroup) | undefined,
) => {
  const arriving = receiver.rooms.find(roomId)?.arriving
  const receive = () => receiveInOrder(receiver, origin, roomId, pdus, more, arriving)
  return arriving === undefined ? receive() : Lock.hold([arriving], receive)
}

/** What of a server takes in PDUs when nothing is wrong with them. */
export interface Receiver {
  readonly serverName: string
  readonly rooms: Rooms["Service"]
  readonly joins: JoinsInFlight["Service"]
  readonly keyRing: KeyRing["Service"]
  readonly parentsWaitMs: number
}

const receiveInOrder = Effect.fnUntraced(function* (
  receiver: Receiver,
  origin: string,
  roomId: string,
  pdus: readonly JsonValue[],
  more: ((results: readonly PduResult[]) => StoreGroup) | undefined,
  arriving: Lock | undefined,
) {
  const { rooms, joins, keyRing, parentsWaitMs } = receiver
  const results: PduResult[] = []
  /** All from `readFrom` on, for that room: what came before may have been answered unread. */
  let read: readonly ReadPdu[] = []
  let readFrom = 0
  let readFor: Room | undefined
  let isSealed = false
  let waitedAt = -1

  while (results.length < pdus.length) {
    yield* joins.settled(roomId)
    const at = results.length
    const withdrawn = isMember(pdus[at]) ? yield* receiveFromOutside(origin, pdus[at]) : undefined
    if (withdrawn !== undefined) {
      results.push(withdrawn)
      continue
    }
    const room = rooms.find(roomId)
    if (room === undefined) {
      results.push([nameOf(pdus[at]!, undefined), { error: "not in that room" }])
      continue
    }
    // §Server ACLs: by the sending server, never by the event's sender.
    const isAllowed = () => aclAllows(room.dag, origin)
    if (!isAllowed()) {
      results.push([nameOf(pdus[at]!, room.version), deniedByAcl(origin)])
      continue
    }
    if (readFor !== room) {
      read = yield* readAll(keyRing, room, at === 0 ? pdus : pdus.slice(at))
      readFrom = at
      readFor = room
    }
    const left = at === readFrom ? read : read.slice(at - readFrom)
    const { eventId, vetted } = left[0]!
    if ("problem" in vetted) {
      results.push([eventId, { error: vetted.problem }])
      continue
    }
    const run = eventsOf(left)
    const named = left.map((one): PduResult => [one.eventId, takenIn])
    const seal = (taken: number): StoreGroup => {
      isSealed = more !== undefined && at + taken === pdus.length
      return isSealed ? more!([...results, ...named.slice(0, taken)]) : {}
    }
    let taken = 0
    yield* admitInTurn(receiver, room, run, isAllowed, seal, (count) => {
      taken = count
    })
    results.push(...named.slice(0, taken))
    if (taken > 0) continue
    const isEarly = () => room.dag.missingPrevEvents(vetted.event).length > 0
    if (arriving !== undefined && parentsWaitMs > 0 && waitedAt !== at && isEarly()) {
      waitedAt = at
      yield* letOthersArrive(arriving, isEarly, parentsWaitMs)
      continue
    }
    results.push([eventId, yield* receiveAlone(room, origin, vetted.event)])
  }
  return { results: results as readonly PduResult[], isSealed }
})

/** Of two requests on two connections, or from two servers, the later may be read first: the other gets its turn. */
const letOthersArrive = (arriving: Lock, isEarly: () => boolean, waitMsMax: number) =>
  arriving.lend(
    Effect.gen(function* () {
      for (let waitedMs = 0; waitedMs < waitMsMax && isEarly(); waitedMs += lookedForEveryMs) {
        yield* Effect.sleep(lookedForEveryMs)
      }
    }),
  )
const lookedForEveryMs = 5

/** The events up to the first PDU that is dropped. */
const eventsOf = (read: readonly ReadPdu[]): readonly Event[] => {
  const events: Event[] = []
  for (const { vetted } of read) {
    if ("problem" in vetted) break
    events.push(vetted.event)
  }
  return events
}

/** Check 1 on each, then checks 2 and 3 on all that pass it: their signatures are verified together. */
const readAll = (keyRing: KeyRing["Service"], room: Room, pdus: readonly JsonValue[]) => {
  const since = room.stopwatch.now()
  const read = pdus.map((pdu) => readPdu(pdu, room, { checkReferenceCounts: true }))
  room.stopwatch.add("form", since, pdus.length)
  const events: Event[] = []
  for (const one of read) if ("event" in one) events.push(one.event)
  return Effect.mapEager(vetEventsBy(keyRing, room, events), (vetted) => {
    let next = 0
    return read.map(
      (one, position): ReadPdu =>
        "event" in one
          ? { eventId: one.event.eventId, vetted: vetted[next++]! }
          : { eventId: nameOf(pdus[position]!, room.version), vetted: one },
    )
  })
}

/** An event that may need something from elsewhere: what it builds on, or a word of the policy server. */
const receiveAlone = Effect.fnUntraced(function* (room: Room, origin: string, event: Event) {
  const { readings } = yield* Settings
  const resyncs = yield* Resyncs
  const claimed: string[] = []
  const fetchBehind = Effect.gen(function* () {
    if (room.partial === undefined) yield* resyncs.backfill(room, origin, claimed)
  })
  const receive = Effect.gen(function* () {
    if (room.dag.holdsAnother(event)) return { error: "another event has this id" }
    if (room.dag.isInHistory(event.eventId)) return {}
    yield* fillGap(room, origin, event, claimed)
    yield* admit(room, event, "new")
    return {}
    // Also where part of the gap was taken in, and the rest was not to be had.
  }).pipe(Effect.ensuring(fetchBehind))
  return yield* Lock.hold([room.receiving], () => receive).pipe(
    Effect.catchTags({
      MissingHistory: ({ why }) => Effect.succeed<PduResult[1]>({ error: why }),
      MatrixError: (failure) =>
        readings.missingState === "fails-transaction"
          ? Effect.fail(failure)
          : Effect.succeed<PduResult[1]>({ error: failure.error }),
      FederationUnreachable: ({ message }) => Effect.succeed<PduResult[1]>({ error: message }),
    }),
  )
})

const isMember = (pdu: JsonValue | undefined): pdu is JsonObject =>
  isJsonObject(pdu) && pdu.type === "m.room.member"

/** What concerns a user who stands outside, in a room that this server is not in; undefined where it is not that. */
const receiveFromOutside = Effect.fnUntraced(function* (origin: string, pdu: JsonObject) {
  const rooms = yield* Rooms
  const outside = yield* Outside
  const { roomVersions } = yield* Settings
  const roomId = roomIdIn(pdu)
  const standing = typeof pdu.state_key === "string" && outside.standingOf(pdu.state_key, roomId)
  const version = roomVersions.find(({ id }) => standing && id === standing.roomVersion)
  if (!standing || version === undefined) return undefined
  if ((yield* heldRoom(roomId)) !== undefined) return undefined
  const room = rooms.find(roomId) ?? rooms.make(roomId, version)
  if (!aclAllows(room.dag, origin)) {
    const denied: PduResult = [nameOf(pdu, room.version), deniedByAcl(origin)]
    return denied
  }
  const read = readPdu(pdu, room, { checkReferenceCounts: true })
  const error = "problem" in read ? read.problem : yield* receiveWithdrawal(room, read.event, standing)
  const result: PduResult = [nameOf(pdu, room.version), error === undefined ? {} : { error }]
  return result
})

const deniedByAcl = (origin: string): PduResult[1] => ({ error: `${origin} is denied by the server ACL` })

/** The room that a PDU says it is of; no room's id where it says nothing that could be one. */
export const roomIdIn = (pdu: JsonValue): string =>
  isJsonObject(pdu) && typeof pdu.room_id === "string" ? pdu.room_id : ""

/** How the answer names a PDU: by its event id, which from room 3 on follows from it by the room's version. */
const nameOf = (pdu: JsonValue, version: RoomVersion | undefined): string | undefined => {
  if (!isJsonObject(pdu)) return undefined
  const given = pdu.event_id
  const derived = version === undefined ? undefined : eventIdOf(pdu, version)
  return derived ?? (typeof given === "string" && given.startsWith("$") ? given : undefined)
}
