/**
 * Where a homeserver keeps what must outlive it: one contract for the layer in memory and the one on SQLite.
 *
 * Everything that changes together is one `StoreGroup`, given as data. `commit` is atomic and durable: when it
 * succeeds all of the group is kept, when it fails none of it is; nobody reads any of it before; and only after
 * it has succeeded may the homeserver answer, show the change to its users, or send it. Whoever changes in memory what
 * it has kept does both in one uninterruptible effect: a client that hangs up leaves no disk ahead of memory. These are
 * the groups:
 *
 * - a local event: the event, the room's extremities, and a queue entry for each destination, with the transaction that
 *   it is sent by where nothing else is under way to that;
 * - a received event: the event (of the history or an outlier) and the extremities after it;
 * - a redaction that applies: as above, and the message that it redacts once more, in the place of the first copy;
 * - a join: the room, its state and auth chain as outliers, the join event, the extremities; where memberships were
 *   left out also records of that, which go with the group of all events that are decided anew once they are known;
 * - an invite or a knock by which a user stands outside a room, and that this is over;
 * - what a chapter keeps of its own (profiles, devices, keys …) as records, with the EDUs that tell of it;
 * - a file, as a record and its bytes; and with it the files that make room for it;
 * - the answer to a transaction, by (origin, transaction id), after all its events;
 * - any other transaction about to be sent, before it is sent; and that one was acknowledged.
 */
import { Context, Data, type Effect } from "effect"
import type { JsonObject, JsonValue } from "../core/json/value.ts"
import type { Scratch } from "../core/paging/pages.ts"
import type { EventRecord } from "../core/room-dag/event-record.ts"

/** The state around an event, by the digest of its content: each state is kept once, as a change to another. */
export interface StateWrite {
  readonly digest: string
  /**
   * The digest of the state that `changes` are applied to: one that is kept already or comes before in the group, so
   * that none rests on itself; undefined for the empty state.
   */
  readonly basedOn: string | undefined
  /** An event id, or null where the key is no longer there. */
  readonly changes: readonly (readonly [type: string, stateKey: string, eventId: string | null])[]
}

/** An event as it is kept: in federation format, with the verdict on it and its place. */
export interface EventWrite {
  readonly roomId: string
  readonly eventId: string
  readonly pdu: JsonObject
  readonly verdict: EventRecord["verdict"]
  readonly objection: EventRecord["objection"]
  readonly restrictedJoinSigned: boolean
  /** Undefined for an outlier. */
  readonly history:
    | {
        readonly stateBefore: string
        readonly stateAfter: string
        /** The server that claimed the state before, or undefined where it was computed. */
        readonly claimedBy: string | undefined
      }
    | undefined
  /** Its place in the order that clients are told of (`homeserver/timeline.ts`), a safe integer; an outlier has none. */
  readonly position?: number
}

/** An event, by the room that it is in. */
export type EventReference = readonly [roomId: string, eventId: string]

/** The transaction that a destination must acknowledge before it gets another (§Transactions). */
export interface TransactionInFlight {
  readonly transactionId: string
  /** As it stands in the body: whoever repeats a transaction repeats every byte. */
  readonly originServerTs: number
  readonly events: readonly EventReference[]
  readonly edus: readonly QueuedEdu[]
}

/** An EDU on its way to one destination (§EDUs). */
export interface QueuedEdu {
  /** Unlike any other that is kept for this destination. */
  readonly id: string
  /** `{edu_type, content}`. */
  readonly edu: JsonObject
  /** The id of an EDU that need not be sent any more, unless it has left already. */
  readonly replaces?: string
}

/** A change to what one destination has yet to get; its parts are applied in the order of the fields. */
export interface DestinationWrite {
  readonly destination: string
  readonly queued?: readonly EventReference[]
  /** Acknowledged, or covered by a later event that is still queued. */
  readonly settled?: readonly EventReference[]
  readonly queuedEdus?: readonly QueuedEdu[]
  /** Ids of EDUs that were acknowledged. */
  readonly settledEdus?: readonly string[]
  /** Null once it is acknowledged. */
  readonly inFlight?: TransactionInFlight | null
}

/** What one destination has yet to get, in the order of queueing; what is in flight is part of it. */
export interface StoredDestination {
  readonly destination: string
  readonly unsent: readonly EventReference[]
  readonly unsentEdus: readonly QueuedEdu[]
  readonly inFlight: TransactionInFlight | undefined
}

/** One value of a collection that belongs to one chapter. */
export interface RecordWrite {
  readonly collection: string
  readonly key: string
  /** Null removes it. */
  readonly value: JsonValue
}

/** Bytes that belong to one chapter; what they are stands in a record of the same collection and key. */
export interface BlobWrite {
  readonly collection: string
  readonly key: string
  /** Null removes them. */
  readonly bytes: Uint8Array | null
}

/** What a user of this server is to a room that the server is not in: invited, or knocking. */
export interface OutsideWrite {
  readonly userId: string
  readonly roomId: string
  /** Null where that is over. */
  readonly standing: OutsideStanding | null
}

export interface OutsideStanding {
  readonly membership: "invite" | "knock"
  readonly roomVersion: string
  /** The membership event, with all signatures. */
  readonly pdu: JsonObject
  /** What the room is, as it was told: PDUs. */
  readonly roomState: readonly JsonObject[]
  /** The server by which the user can go in or turn away: the inviter's, or the one that took the knock. */
  readonly via: string
}

/** For each PDU by event id: nothing, or why it was not taken in. */
export type TransactionAnswer = { readonly pdus: Readonly<Record<string, { readonly error?: string }>> }

/** One atomic, durable change. The parts are applied in the order of the fields. */
export interface StoreGroup {
  /** Rooms of which nothing is kept any more but what the rest of the group says: events and extremities go. */
  readonly forgottenRooms?: readonly string[]
  readonly rooms?: readonly { readonly roomId: string; readonly roomVersion: string }[]
  readonly states?: readonly StateWrite[]
  readonly events?: readonly EventWrite[]
  readonly extremities?: readonly { readonly roomId: string; readonly eventIds: readonly string[] }[]
  readonly destinations?: readonly DestinationWrite[]
  readonly outside?: readonly OutsideWrite[]
  readonly records?: readonly RecordWrite[]
  readonly blobs?: readonly BlobWrite[]
  readonly answers?: readonly {
    readonly origin: string
    readonly transactionId: string
    readonly answer: TransactionAnswer
    readonly answeredTs: number
  }[]
  /** Answers to transactions that were given before that time are not needed any more. */
  readonly answersForgottenBefore?: number
}

/** A room as it was kept, without its events. */
export interface StoredRoom {
  readonly roomId: string
  readonly roomVersion: string
  readonly extremities: readonly string[]
}

/** The group was not kept: nothing of it may be acknowledged. */
export class StoreFailure extends Data.TaggedError("StoreFailure")<{
  readonly reason: "full" | "busy" | "broken"
  readonly detail: string
}> {}

export class EventStore extends Context.Service<
  EventStore,
  {
    /** Keeps the whole group or nothing of it; done means durable. */
    readonly commit: (group: StoreGroup) => Effect.Effect<void, StoreFailure>
    /**
     * Whoever has time while it is not known yet whether events will be kept may name their PDUs: what can be done of it
     * before the group comes is done. Nothing is kept by that, and the group may never come.
     */
    readonly prepare: (pdus: readonly JsonObject[]) => void
    /** All rooms, by room id in code-point order. */
    readonly rooms: Effect.Effect<readonly StoredRoom[], StoreFailure>
    /**
     * Gives `visit` the events of all rooms, those of each in the order in which they were first committed; of `state`
     * those with a state key, and maybe some others. Few are in memory at a time.
     */
    readonly events: (
      which: "all" | "state",
      visit: (event: EventWrite) => void,
    ) => Effect.Effect<void, StoreFailure>
    /**
     * Those of a room's events that are kept, in any order, at once: whoever asks waits for them, and so does all else.
     * For what is rarely asked of events that are not in memory. Throws where the store cannot be read.
     */
    readonly eventsNow: (roomId: string, eventIds: readonly string[]) => readonly EventWrite[]
    /** Room for what can be made again from what is kept: it is not kept, and ends with this service. */
    readonly scratch: Scratch
    /** All states as they were kept, each after the one that it is based on. */
    readonly states: Effect.Effect<readonly StateWrite[], StoreFailure>
    /** Destinations with something unsent, by name in code-point order. */
    readonly destinations: Effect.Effect<readonly StoredDestination[], StoreFailure>
    /** A whole collection as [key, value], by key in code-point order. */
    readonly records: (
      collection: string,
    ) => Effect.Effect<readonly (readonly [key: string, value: JsonValue])[], StoreFailure>
    /** The bytes under one key of a collection; nobody changes them, neither who gives nor who gets them. */
    readonly blob: (collection: string, key: string) => Effect.Effect<Uint8Array | undefined, StoreFailure>
    /** All that is not over, by user and room in code-point order. */
    readonly outside: Effect.Effect<readonly OutsideWrite[], StoreFailure>
    /** To which transactions there are answers: the newest `countMax`, by when they were given and then as they came. */
    readonly answered: (
      countMax: number,
    ) => Effect.Effect<readonly (readonly [origin: string, transactionId: string])[], StoreFailure>
    readonly answer: (
      origin: string,
      transactionId: string,
    ) => Effect.Effect<TransactionAnswer | undefined, StoreFailure>
  }
>()("netsplit/EventStore") {}
