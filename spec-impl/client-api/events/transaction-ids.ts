/** Which requests were made before, by their transaction ids (client-server API §Transaction identifiers). */
import { Clock, Context, Effect, Layer, Semaphore } from "effect"
import { isJsonObject, type JsonObject } from "../../core/json/value.ts"
import { LocalDevices } from "../../federation/devices/local-devices.ts"
import type { WithEvent } from "../../homeserver/local-events.ts"
import { EventStore, type RecordWrite } from "../../store/event-store.ts"
import type { Session } from "../accounts/accounts.ts"

const collection = "client-transactions"
/** How long a request counts as made before. */
const keptMs = 24 * 3_600_000

interface KeptTransaction extends Session {
  readonly transactionId: string
  readonly eventId: string
  readonly madeTs: number
}

export class TransactionIds extends Context.Service<
  TransactionIds,
  {
    /**
     * Makes an event for a request that was not made before, and gives its id; for one that was, and whose path (up to
     * the transaction id) is the same, the id of the event that was made then. What `make` is given must be kept in
     * the group of the event.
     */
    readonly once: <E, R>(
      requester: Session,
      path: string,
      transactionId: string,
      make: (kept: WithEvent) => Effect.Effect<string, E, R>,
    ) => Effect.Effect<string, E, R>
    /** The id under which that device had the event made, if it had. */
    readonly of: (requester: Session, eventId: string) => string | undefined
  }
>()("netsplit/client-api/TransactionIds") {
  /** Takes up what the store keeps. */
  static readonly layer = Layer.effect(
    TransactionIds,
    Effect.gen(function* () {
      const store = yield* EventStore
      const devices = yield* LocalDevices
      /** By user, device, path and id; the oldest first. */
      const made = new Map<string, KeptTransaction>()
      const byEvent = new Map<string, KeptTransaction>()
      const turns = new Map<string, { readonly turn: Semaphore.Semaphore; waiting: number }>()

      const note = (key: string, transaction: KeptTransaction): void => {
        made.set(key, transaction)
        byEvent.set(transaction.eventId, transaction)
      }
      const forget = (keys: readonly string[]): void => {
        for (const key of keys) {
          const transaction = made.get(key)
          if (transaction !== undefined) byEvent.delete(transaction.eventId)
          made.delete(key)
        }
      }
      const removal = (keys: readonly string[]): readonly RecordWrite[] =>
        keys.map((key) => ({ collection, key, value: null }))

      const kept = (yield* store.records(collection)).flatMap(([key, value]) => {
        const transaction = isJsonObject(value) ? readKept(value) : undefined
        return transaction === undefined ? [] : [[key, transaction] as const]
      })
      for (const [key, transaction] of kept.sort(([, one], [, other]) => one.madeTs - other.madeTs))
        note(key, transaction)

      devices.addBelongings((userId, deviceId) => {
        const keys = [...made].flatMap(([key, transaction]) =>
          transaction.userId === userId && transaction.deviceId === deviceId ? [key] : [],
        )
        return { records: removal(keys), forget: () => forget(keys) }
      })

      const expired = (nowMs: number): readonly string[] => {
        const keys: string[] = []
        for (const [key, { madeTs }] of made) {
          if (madeTs > nowMs - keptMs) break
          keys.push(key)
        }
        return keys
      }

      /** Of two requests that are one, the second waits for what becomes of the first. */
      const inTurn = <A, E, R>(key: string, effect: Effect.Effect<A, E, R>) =>
        Effect.suspend(() => {
          const one = turns.get(key) ?? { turn: Semaphore.makeUnsafe(1), waiting: 0 }
          turns.set(key, one)
          one.waiting += 1
          const give = Effect.sync(() => {
            one.waiting -= 1
            if (one.waiting === 0) turns.delete(key)
          })
          return Effect.ensuring(Semaphore.withPermits(one.turn, 1)(effect), give)
        })

      return TransactionIds.of({
        once: ({ userId, deviceId }, path, transactionId, make) => {
          const key = JSON.stringify([userId, deviceId, path, transactionId])
          return inTurn(
            key,
            Effect.gen(function* () {
              const before = made.get(key)
              if (before !== undefined) return before.eventId
              const madeTs = yield* Clock.currentTimeMillis
              const old = expired(madeTs)
              const eventId = yield* make((id) => [
                ...removal(old),
                {
                  collection,
                  key,
                  value: writeKept({ userId, deviceId, transactionId, eventId: id, madeTs }),
                },
              ])
              forget(old)
              note(key, { userId, deviceId, transactionId, eventId, madeTs })
              return eventId
            }),
          )
        },
        of: ({ userId, deviceId }, eventId) => {
          const transaction = byEvent.get(eventId)
          return transaction?.userId === userId && transaction.deviceId === deviceId
            ? transaction.transactionId
            : undefined
        },
      })
    }),
  )
}

const writeKept = ({ userId, deviceId, transactionId, eventId, madeTs }: KeptTransaction): JsonObject => ({
  user_id: userId,
  device_id: deviceId,
  txn_id: transactionId,
  event_id: eventId,
  made_ts: madeTs,
})

const readKept = (kept: JsonObject): KeptTransaction | undefined => {
  const { user_id: userId, device_id: deviceId, txn_id: transactionId, event_id: eventId, made_ts: ts } = kept
  return typeof userId === "string" &&
    typeof deviceId === "string" &&
    typeof transactionId === "string" &&
    typeof eventId === "string" &&
    typeof ts === "number"
    ? { userId, deviceId, transactionId, eventId, madeTs: ts }
    : undefined
}
