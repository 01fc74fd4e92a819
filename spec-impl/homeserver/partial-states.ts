/**
 * What is kept of a room that this server joined without being told all memberships (MSC3706, MSC3902), until it
 * knows them: a record for the room, and one for each event that was taken in meanwhile, in their order.
 */
import { Effect, Latch } from "effect"
import { isJsonArray, isJsonObject, type JsonValue } from "../core/json/value.ts"
import type { JournalEntry } from "../core/room-dag/decide-anew.ts"
import type { EventStore, RecordWrite } from "../store/event-store.ts"

export interface PartialState {
  /** The join by which this server came in: the memberships before it are what is not known. */
  readonly joinId: string
  /** The server by way of which it joined. */
  readonly via: string
  /** The servers that were said to be in the room, without this one. */
  readonly servers: readonly string[]
  /** All that was taken in, from the first outlier on. */
  readonly journal: JournalEntry[]
  /** Opens once the state is whole, or will not be. */
  readonly whole: Latch.Latch
}

const roomsCollection = "partial-state-rooms"
const journalCollection = "partial-state-journal"

export const beginPartialState = (
  joinId: string,
  via: string,
  servers: readonly string[],
  journal: readonly JournalEntry[] = [],
): PartialState => ({ joinId, via, servers, journal: [...journal], whole: Latch.makeUnsafe(false) })

/** Part of the group that takes in what `entries` say; with the first the room's own record is kept. */
export const partialStateWrites = (
  roomId: string,
  partial: PartialState | undefined,
  entries: readonly JournalEntry[],
): readonly RecordWrite[] => {
  if (partial === undefined) return []
  const { joinId, via, servers, journal } = partial
  const first = { collection: roomsCollection, key: roomId, value: { joinId, via, servers } }
  const rest = entries.map((value, at) => ({
    collection: journalCollection,
    key: journalKey(roomId, journal.length + at),
    value,
  }))
  return journal.length > 0 ? rest : [first, ...rest]
}

/** Part of the group by which the state becomes whole, or the room is forgotten. */
export const partialStateRemovals = (
  roomId: string,
  partial: PartialState | undefined,
): readonly RecordWrite[] =>
  partial === undefined
    ? []
    : [
        { collection: roomsCollection, key: roomId, value: null },
        ...partial.journal.map((_, at) => ({
          collection: journalCollection,
          key: journalKey(roomId, at),
          value: null,
        })),
      ]

/** What the store keeps, by room id. */
export const keptPartialStates = Effect.fnUntraced(function* (store: EventStore["Service"]) {
  const journals = new Map<string, JournalEntry[]>()
  for (const [key, value] of yield* store.records(journalCollection)) {
    const roomId = key.slice(0, key.lastIndexOf(" "))
    const journal = journals.get(roomId) ?? []
    journals.set(roomId, journal)
    journal.push(value as unknown as JournalEntry)
  }
  const states = new Map<string, PartialState>()
  for (const [roomId, value] of yield* store.records(roomsCollection)) {
    if (!isJsonObject(value)) continue
    const { joinId, via, servers } = value
    states.set(roomId, beginPartialState(String(joinId), String(via), strings(servers), journals.get(roomId)))
  }
  return states
})

const strings = (value: JsonValue | undefined): readonly string[] =>
  isJsonArray(value) ? value.map(String) : []

/** Keys are read back by code point: numbers of one length are in their order. */
const journalKey = (roomId: string, at: number): string => `${roomId} ${String(at).padStart(9, "0")}`
