/** What the store tells: committed groups only, each answer of one moment, ordered by code point where no order is kept. */
import { Effect } from "effect"
import type { SqlClient, SqlError } from "effect/sql"
import { compareCodePoints } from "../../core/json/encode.ts"
import type { JsonValue } from "../../core/json/value.ts"
import type {
  EventReference,
  EventStore,
  EventWrite,
  OutsideStanding,
  QueuedEdu,
  StateWrite,
  StoredRoom,
  StoreFailure,
  TransactionAnswer,
  TransactionInFlight,
} from "../event-store.ts"
import { storeFailureOf } from "./failure.ts"
import { readKept, readText, writeText } from "./kept-json.ts"

type Reads = Omit<EventStore["Service"], "commit" | "prepare" | "eventsNow" | "scratch">

/** So many events are held as text at a time, beside those that are read. */
const eventsPerPage = 500

/** All of `EventStore` but `commit` and what is told at once, on a client that reads. */
export const makeReads = (sql: SqlClient.SqlClient): Reads => {
  const typed = <A>(effect: Effect.Effect<A, SqlError.SqlError>): Effect.Effect<A, StoreFailure> =>
    Effect.mapError(effect, storeFailureOf)

  return {
    rooms: typed(
      Effect.map(
        sql<{ room_id: string; room_version: string; extremities: string }>`
          SELECT room_id, room_version, extremities FROM rooms`,
        (rows) =>
          rows
            .map(
              (row): StoredRoom => ({
                roomId: readText(row.room_id),
                roomVersion: readText(row.room_version),
                extremities: JSON.parse(row.extremities),
              }),
            )
            .sort((a, b) => compareCodePoints(a.roomId, b.roomId)),
      ),
    ),
    events: (which, visit) => typed(sql.withTransaction(readEvents(sql, which, visit))),
    states: typed(
      Effect.map(sql<StateRow>`SELECT digest, based_on, changes FROM states ORDER BY rowid`, (rows) =>
        rows.map(({ digest, based_on, changes }) => ({
          digest: readText(digest),
          basedOn: based_on === null ? undefined : readText(based_on),
          changes: JSON.parse(changes) as StateWrite["changes"],
        })),
      ),
    ),
    destinations: typed(sql.withTransaction(readDestinations(sql))),
    records: (collection) =>
      typed(
        Effect.map(
          sql<{ key: string; value: string }>`
            SELECT key, value FROM records WHERE collection = ${writeText(collection)}`,
          (rows) =>
            rows
              .map(({ key, value }): readonly [string, JsonValue] => [readText(key), readKept(value)])
              .sort(([a], [b]) => compareCodePoints(a, b)),
        ),
      ),
    blob: (collection, key) =>
      typed(
        Effect.map(
          sql<{ bytes: Buffer }>`
            SELECT bytes FROM blobs WHERE collection = ${writeText(collection)} AND key = ${writeText(key)}`,
          ([row]) => row && new Uint8Array(row.bytes.buffer, row.bytes.byteOffset, row.bytes.byteLength),
        ),
      ),
    outside: typed(
      Effect.map(
        sql<{ user_id: string; room_id: string; data: string }>`SELECT user_id, room_id, data FROM outside`,
        (rows) =>
          rows
            .map(({ user_id, room_id, data }) => ({
              userId: readText(user_id),
              roomId: readText(room_id),
              standing: readTyped<OutsideStanding>(data),
            }))
            .sort((a, b) => compareCodePoints(a.userId, b.userId) || compareCodePoints(a.roomId, b.roomId)),
      ),
    ),
    answered: (countMax) =>
      typed(
        Effect.map(
          sql<{ origin: string; transaction_id: string }>`
            SELECT origin, transaction_id FROM answers ORDER BY answered_ts DESC, rowid DESC LIMIT ${countMax}`,
          (rows) =>
            rows
              .map((row): readonly [string, string] => [readText(row.origin), readText(row.transaction_id)])
              .reverse(),
        ),
      ),
    answer: (origin, transactionId) =>
      typed(
        Effect.map(
          sql<{ answer: string }>`
            SELECT answer FROM answers
            WHERE origin = ${writeText(origin)} AND transaction_id = ${writeText(transactionId)}`,
          ([row]) => row && readTyped<TransactionAnswer>(row.answer),
        ),
      ),
  }
}

/** A type of the contract from its JSON; what was undefined is not there. */
const readTyped = <A>(text: string): A => readKept(text) as unknown as A

const readEvents = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  which: "all" | "state",
  visit: (event: EventWrite) => void,
) {
  for (let last: number | undefined = 0; last !== undefined; ) {
    const page: readonly EventRow[] = yield* sql<EventRow>`
      SELECT seq, room_id, event_id, data FROM events WHERE seq > ${last} ORDER BY seq LIMIT ${eventsPerPage}`
    for (const row of page) {
      if (which === "all" || row.data.includes(`"state_key":`)) visit(eventOf(row))
    }
    last = page.at(-1)?.seq
  }
})

interface EventRow {
  readonly seq: number
  readonly room_id: string
  readonly event_id: string
  readonly data: string
}

/** An event as it was kept. */
export const eventOf = (row: Omit<EventRow, "seq">): EventWrite => {
  const { pdu, verdict, objection, restrictedJoinSigned, history, position } = readTyped<EventWrite>(row.data)
  return {
    roomId: readText(row.room_id),
    eventId: readText(row.event_id),
    pdu,
    verdict,
    objection,
    restrictedJoinSigned,
    history: history && {
      stateBefore: history.stateBefore,
      stateAfter: history.stateAfter,
      claimedBy: history.claimedBy,
    },
    ...(position === undefined ? {} : { position }),
  }
}

interface StateRow {
  readonly digest: string
  readonly based_on: string | null
  readonly changes: string
}

const readDestinations = Effect.fnUntraced(function* (sql: SqlClient.SqlClient) {
  const kept = new Map<string, { readonly unsent: EventReference[]; readonly unsentEdus: QueuedEdu[] }>()
  const of = (destination: string) => {
    const known = kept.get(destination) ?? { unsent: [], unsentEdus: [] }
    kept.set(destination, known)
    return known
  }
  for (const row of yield* sql<{ destination: string; room_id: string; event_id: string }>`
    SELECT destination, room_id, event_id FROM queued_events ORDER BY seq`) {
    of(row.destination).unsent.push([readText(row.room_id), readText(row.event_id)])
  }
  for (const { destination, data } of yield* sql<{ destination: string; data: string }>`
    SELECT destination, data FROM queued_edus ORDER BY seq`) {
    of(destination).unsentEdus.push(readTyped<QueuedEdu>(data))
  }
  const inFlight = new Map<string, TransactionInFlight>()
  for (const { destination, data } of yield* sql<{ destination: string; data: string }>`
    SELECT destination, data FROM in_flight`) {
    inFlight.set(destination, readTyped<TransactionInFlight>(data))
  }
  return [...kept]
    .map(([destination, unsent]) => ({
      destination: readText(destination),
      ...unsent,
      inFlight: inFlight.get(destination),
    }))
    .sort((a, b) => compareCodePoints(a.destination, b.destination))
})
