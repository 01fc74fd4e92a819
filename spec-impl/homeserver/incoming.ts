/** What comes in by `/send`: each PDU taken through the checks, its missing history fetched first. */
import { Clock, Context, Deferred, Effect, Layer, Semaphore } from "effect"
import type { Event } from "../core/event.ts"
import { eventIdOf } from "../core/event-id.ts"
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json/value.ts"
import type { FederationClient } from "../federation/client.ts"
import { forbidden, type MatrixError } from "../federation/matrix-error.ts"
import { EventStore, type TransactionAnswer } from "../store/event-store.ts"
import { admit } from "./admission.ts"
import { Destinations } from "./destinations.ts"
import { Edus } from "./edus.ts"
import { storeFailed } from "./failures.ts"
import type { ServerIdentity } from "./identity.ts"
import { JoinsInFlight } from "./joins-in-flight.ts"
import type { KeyRing } from "./key-ring.ts"
import { heldRoom } from "./local-joins.ts"
import { fillGap } from "./missing-events.ts"
import { Outside } from "./outside.ts"
import { Resyncs } from "./resyncs.ts"
import { aclAllows } from "./room-acl.ts"
import { type Room, Rooms } from "./rooms.ts"
import { Settings } from "./settings.ts"
import type { Signatures } from "./signatures/signatures.ts"
import { nonCanonical, readPdu, vetEvents } from "./vetting.ts"
import { receiveWithdrawal } from "./withdrawals.ts"

const hourMs = 60 * 60 * 1_000
/**
 * For how long an answer is kept for whoever repeats the transaction. The specification names no time (Synapse
 * keeps a month of them). One that is repeated later is taken in anew, and changes nothing: PDUs are known by their
 * ids, EDUs say what is so.
 */
const answersKeptMs = 24 * hourMs
/** Between two clearings of them. */
const clearedEveryMs = hourMs

/** Takes in transactions, each once (§Transactions: the same id from the same origin gets the same answer). */
export class Incoming extends Context.Service<
  Incoming,
  {
    /** The answer of `/send`: `{pdus: {event id: {} or {error}}}`, once what was accepted is durable. */
    readonly receiveTransaction: (
      origin: string,
      transactionId: string,
      pdus: readonly JsonValue[],
      edus: readonly JsonValue[],
    ) => Effect.Effect<TransactionAnswer, MatrixError>
    /** How many transactions and fetches of history are under way: for observers. */
    readonly busy: () => number
  }
>()("netsplit/Incoming") {
  static readonly layer = Layer.effect(
    Incoming,
    Effect.gen(function* () {
      const store = yield* EventStore
      const chapters = yield* Edus
      const destinations = yield* Destinations
      const rooms = yield* Rooms
      const outside = yield* Outside
      const joins = yield* JoinsInFlight
      const resyncs = yield* Resyncs
      const { readings, roomVersions } = yield* Settings
      const scope = yield* Effect.scope
      const services = yield* Effect.context<
        FederationClient | KeyRing | Outside | Rooms | ServerIdentity | Settings | Signatures
      >()
      const underWay = new Map<string, Deferred.Deferred<TransactionAnswer, MatrixError>>()
      let clearedTs = 0

      const receiveEvent = Effect.fnUntraced(function* (room: Room, origin: string, event: Event) {
        if (room.dag.timeline(event.eventId) !== undefined) return
        const claimed = yield* fillGap(room, origin, event)
        yield* admit(room, event, "new")
        if (room.partial === undefined) yield* resyncs.backfill(room, origin, claimed)
      })

      /** What concerns a user who stands outside, in a room that this server is not in; undefined where it is not that. */
      const receiveFromOutside = Effect.fnUntraced(function* (origin: string, pdu: JsonValue) {
        if (!isJsonObject(pdu) || pdu.type !== "m.room.member") return undefined
        const roomId = roomIdIn(pdu)
        const standing = typeof pdu.state_key === "string" && outside.standingOf(pdu.state_key, roomId)
        const version = roomVersions.find(({ id }) => standing && id === standing.roomVersion)
        if (!standing || version === undefined) return undefined
        if ((yield* heldRoom(roomId)) !== undefined) return undefined
        const room = rooms.find(roomId) ?? rooms.make(roomId, version)
        if (!aclAllows(room.dag, origin)) return [nameOf(pdu, room), deniedByAcl(origin)] as const
        const read = readPdu(pdu, room, { checkReferenceCounts: true })
        const error = "problem" in read ? read.problem : yield* receiveWithdrawal(room, read.event, standing)
        return [nameOf(pdu, room), error === undefined ? {} : { error }] as const
      })

      /** One entry of the answer; only a store that fails is the whole transaction's failure. */
      const receivePdu = Effect.fnUntraced(function* (origin: string, pdu: JsonValue) {
        const roomId = roomIdIn(pdu)
        yield* joins.settled(roomId)
        const withdrawn = yield* receiveFromOutside(origin, pdu)
        if (withdrawn !== undefined) return withdrawn
        const room = rooms.find(roomId)
        if (room === undefined) return [nameOf(pdu, undefined), { error: "not in that room" }] as const
        const name = nameOf(pdu, room)
        // §Server ACLs: by the sending server, never by the event's sender.
        if (!aclAllows(room.dag, origin)) return [name, deniedByAcl(origin)] as const
        const read = readPdu(pdu, room, { checkReferenceCounts: true })
        if ("problem" in read) return [name, { error: read.problem }] as const
        const [vetted] = yield* vetEvents(room, [read.event])
        if (vetted === undefined || "problem" in vetted) {
          return [name, { error: vetted?.problem ?? "not verified" }] as const
        }
        return yield* Semaphore.withPermits(
          room.receiving,
          1,
        )(receiveEvent(room, origin, vetted.event)).pipe(
          Effect.as([name, {}] as const),
          Effect.catchTags({
            MissingHistory: ({ why }) => Effect.succeed([name, { error: why }] as const),
            MatrixError: (failure) =>
              readings.missingState === "fails-transaction"
                ? Effect.fail(failure)
                : Effect.succeed([name, { error: failure.error }] as const),
            FederationUnreachable: ({ message }) => Effect.succeed([name, { error: message }] as const),
          }),
        )
      })

      const receiveOnce = Effect.fnUntraced(function* (
        origin: string,
        transactionId: string,
        pdus: readonly JsonValue[],
        edus: readonly JsonValue[],
      ) {
        const known = yield* store.answer(origin, transactionId)
        if (known !== undefined) return known
        if (readings.nonCanonicalPdu === "refuse-transaction") yield* refuseNonCanonical(rooms, pdus)
        const results: Record<string, { readonly error?: string }> = Object.create(null)
        for (const pdu of pdus) {
          const [name, result] = yield* receivePdu(origin, pdu)
          // Answers are by event id: what has none cannot be spoken of.
          if (name !== undefined) results[name] = result
        }
        // §EDUs: what is wrong with one is not told to the sender.
        for (const edu of edus) if (isJsonObject(edu)) yield* chapters.receive(origin, edu)
        const answer: TransactionAnswer = { pdus: results }
        const answeredTs = yield* Clock.currentTimeMillis
        const isClearing = answeredTs - clearedTs >= clearedEveryMs
        yield* store.commit({
          answers: [{ origin, transactionId, answer, answeredTs }],
          ...(isClearing ? { answersForgottenBefore: answeredTs - answersKeptMs } : {}),
        })
        if (isClearing) clearedTs = answeredTs
        return answer
      })

      return Incoming.of({
        receiveTransaction: Effect.fnUntraced(function* (origin, transactionId, pdus, edus) {
          yield* destinations.heardFrom(origin)
          const key = `${origin}\n${transactionId}`
          const running = underWay.get(key)
          if (running !== undefined) return yield* Deferred.await(running)
          const answered = Deferred.makeUnsafe<TransactionAnswer, MatrixError>()
          underWay.set(key, answered)
          const work = receiveOnce(origin, transactionId, pdus, edus).pipe(
            Effect.catchTag("StoreFailure", ({ detail }) => Effect.fail(storeFailed(detail))),
            Effect.onExit((exit) =>
              Effect.sync(() => underWay.delete(key)).pipe(Effect.andThen(Deferred.done(answered, exit))),
            ),
            Effect.provide(services),
          )
          yield* Effect.forkIn(work, scope)
          return yield* Deferred.await(answered)
        }),
        busy: () => underWay.size + resyncs.busy(),
      })
    }),
  )
}

/** The reading of those who refuse a whole transaction for one PDU that is no canonical JSON. */
const refuseNonCanonical = (rooms: Rooms["Service"], pdus: readonly JsonValue[]) => {
  const isOdd = (pdu: JsonValue): boolean => {
    const room = rooms.find(roomIdIn(pdu))
    return room !== undefined && nonCanonical(pdu as JsonObject, room) !== undefined
  }
  return pdus.some(isOdd) ? Effect.fail(forbidden("a PDU is no canonical JSON")) : Effect.void
}

const deniedByAcl = (origin: string) => ({ error: `${origin} is denied by the server ACL` })

/** The room that a PDU says it is of; no room's id where it says nothing that could be one. */
const roomIdIn = (pdu: JsonValue): string =>
  isJsonObject(pdu) && typeof pdu.room_id === "string" ? pdu.room_id : ""

/** How the answer names a PDU: by its event id, which from room 3 on follows from it by the room's version. */
const nameOf = (pdu: JsonValue, room: Room | undefined): string | undefined => {
  if (!isJsonObject(pdu)) return undefined
  const given = pdu.event_id
  const derived = room === undefined ? undefined : eventIdOf(pdu, room.version)
  return derived ?? (typeof given === "string" && given.startsWith("$") ? given : undefined)
}
