/** What comes in by `/send`, each transaction once. */
import { Clock, Context, Effect, Fiber, Layer } from "effect"
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json/value.ts"
import { Recent } from "../core/recent.ts"
import type { FederationClient } from "../federation/client.ts"
import { forbidden, type MatrixError } from "../federation/matrix-error.ts"
import { EventStore, type StoreGroup, type TransactionAnswer } from "../store/event-store.ts"
import { Destinations } from "./destinations.ts"
import { Edus } from "./edus.ts"
import { storeFailed } from "./failures.ts"
import { ServerIdentity } from "./identity.ts"
import { type PduResult, type Receiver, receivePdus, roomIdIn, takenIn } from "./incoming-pdus.ts"
import { JoinsInFlight } from "./joins-in-flight.ts"
import { KeyRing } from "./key-ring.ts"
import { NewestMarks } from "./newest-marks.ts"
import type { Outside } from "./outside.ts"
import { Resyncs } from "./resyncs.ts"
import { Rooms } from "./rooms.ts"
import { Settings } from "./settings.ts"
import type { Signatures } from "./signatures/signatures.ts"
import { nonCanonical } from "./vetting.ts"

const hourMs = 60 * 60 * 1_000
/**
 * For how long an answer is kept for whoever repeats the transaction. The specification names no time (Synapse
 * keeps a month of them). One that is repeated later is taken in anew, and changes nothing: PDUs are known by their
 * ids, EDUs say what is so.
 */
const answersKeptMs = 24 * hourMs
/** Whether there is an answer is asked of the store for these at least, the newest: nobody repeats what is older than that. */
const answersKnownMin = 100_000

interface UnderWay {
  /** Undefined once it is done: the tables that a map had before last longer than what is in it now. */
  fiber: Fiber.Fiber<TransactionAnswer, MatrixError> | undefined
}

const keyOf = (origin: string, transactionId: string): string => `${origin}\n${transactionId}`

/** FNV-1a, as much of it as is an integer without an object around it. */
const markOf = (key: string): number => {
  let mark = 0x811c9dc5
  for (let at = 0; at < key.length; at++) mark = Math.imul(mark ^ key.charCodeAt(at), 0x01000193)
  return (mark >>> 2) & 0x3fffffff
}

/** Of one transaction. */
const roomsAtOnceMax = 8
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
      const resyncs = yield* Resyncs
      const { readings, parentsWaitMs } = yield* Settings
      const { serverName } = yield* ServerIdentity
      const receiver: Receiver = {
        serverName,
        rooms,
        joins: yield* JoinsInFlight,
        keyRing: yield* KeyRing,
        parentsWaitMs,
      }
      const clock = yield* Clock.Clock
      const services = yield* Effect.context<
        | FederationClient
        | JoinsInFlight
        | KeyRing
        | Outside
        | Resyncs
        | Rooms
        | ServerIdentity
        | Settings
        | Signatures
      >()
      const underWay = new Map<string, UnderWay>()
      // What came in is taken in though its sender hang up, until this server ends.
      yield* Effect.addFinalizer(() =>
        Fiber.interruptAll([...underWay.values()].flatMap(({ fiber }) => fiber ?? [])),
      )
      const run = Effect.runForkWith(services)
      let clearedTs = 0
      // The transactions to which there may be answers, by 30 bits of each: the store knows. Of a key itself the whole
      // request would stay in memory that it was read from.
      const answered = new NewestMarks(answersKnownMin)
      for (const [origin, transactionId] of yield* store.answered(answersKnownMin)) {
        answered.note(markOf(keyOf(origin, transactionId)))
      }

      const receiveOnce = Effect.fnUntraced(function* (
        origin: string,
        transactionId: string,
        pdus: readonly JsonValue[],
        edus: readonly JsonValue[],
      ) {
        const mark = markOf(keyOf(origin, transactionId))
        const known = answered.has(mark) ? yield* store.answer(origin, transactionId) : undefined
        if (known !== undefined) return known
        if (readings.nonCanonicalPdu === "refuse-transaction") yield* refuseNonCanonical(rooms, pdus)
        const byRoom = groupedByRoom(pdus)
        const answeredTs = clock.currentTimeMillisUnsafe()
        const isClearing = answeredTs - clearedTs >= clearedEveryMs
        const groupOf = (answer: TransactionAnswer): StoreGroup => ({
          answers: [{ origin, transactionId, answer, answeredTs }],
          ...(isClearing ? { answersForgottenBefore: answeredTs - answersKeptMs } : {}),
        })
        // Where all is of one room the answer is kept with its last events, and costs no commit of its own.
        const seal =
          byRoom.length === 1 && edus.length === 0
            ? (results: readonly PduResult[]) => groupOf(answerOf(results))
            : undefined
        const received =
          byRoom.length === 1
            ? [yield* receivePdus(receiver, origin, byRoom[0]![0], pdus, seal)]
            : yield* Effect.forEach(
                byRoom,
                ([roomId, ofRoom]) => receivePdus(receiver, origin, roomId, ofRoom, seal),
                { concurrency: roomsAtOnceMax },
              )
        // §EDUs: what is wrong with one is not told to the sender.
        for (const edu of edus) if (isJsonObject(edu)) yield* chapters.receive(origin, edu)
        const [first] = received
        const answer = answerOf(
          first !== undefined && received.length === 1
            ? first.results
            : received.flatMap(({ results }) => results),
        )
        if (!received.some(({ isSealed }) => isSealed)) yield* store.commit(groupOf(answer))
        if (isClearing) clearedTs = answeredTs
        answered.note(mark)
        return answer
      })

      return Incoming.of({
        receiveTransaction: (origin, transactionId, pdus, edus) =>
          Effect.suspend(() => {
            destinations.heardFrom(origin)
            const key = keyOf(origin, transactionId)
            const running = underWay.get(key)?.fiber
            if (running !== undefined) return Fiber.join(running)
            const fiber = run(
              Effect.catchTag(receiveOnce(origin, transactionId, pdus, edus), "StoreFailure", ({ detail }) =>
                Effect.fail(storeFailed(detail)),
              ),
            )
            const mine: UnderWay = { fiber }
            underWay.set(key, mine)
            fiber.addObserver(() => {
              mine.fiber = undefined
              underWay.delete(key)
            })
            return Fiber.join(fiber)
          }),
        busy: () => underWay.size + resyncs.busy(),
      })
    }),
  )
}

/** Mostly all are of one room. */
const groupedByRoom = (
  pdus: readonly JsonValue[],
): readonly (readonly [roomId: string, pdus: readonly JsonValue[]])[] => {
  const [first] = pdus
  if (first === undefined) return []
  const roomId = roomIdIn(first)
  return pdus.every((pdu) => roomIdIn(pdu) === roomId) ? [[roomId, pdus]] : [...Map.groupBy(pdus, roomIdIn)]
}

/** The reading of those who refuse a whole transaction for one PDU that is no canonical JSON. */
const refuseNonCanonical = (rooms: Rooms["Service"], pdus: readonly JsonValue[]) => {
  const isOdd = (pdu: JsonValue): boolean => {
    const room = rooms.find(roomIdIn(pdu))
    return room !== undefined && nonCanonical(pdu as JsonObject, room) !== undefined
  }
  return pdus.some(isOdd) ? Effect.fail(forbidden("a PDU is no canonical JSON")) : Effect.void
}

/** Answers are by event id: what has none cannot be spoken of. */
const answerOf = (results: readonly PduResult[]): TransactionAnswer => {
  const [[eventId, result] = []] = results
  if (results.length !== 1 || eventId === undefined || result !== takenIn) return answerAnew(results)
  return answers.get(eventId) ?? answers.keep(eventId, answerAnew(results))
}

/** To who sent one event that was taken in, by its id: most answers, and all servers keep each for a day. */
const answers = new Recent<string, TransactionAnswer>()

const answerAnew = (results: readonly PduResult[]): TransactionAnswer => {
  const pdus: Record<string, PduResult[1]> = Object.create(null)
  for (const [eventId, result] of results) if (eventId !== undefined) pdus[eventId] = result
  return { pdus }
}
