/** What a store must hold after a list of groups, worked out in the plainest way: lists that are searched. */
import { Effect } from "effect"
import { compareCodePoints } from "../../core/json/encode.ts"
import type { JsonValue } from "../../core/json/value.ts"
import type {
  DestinationWrite,
  EventReference,
  EventStore,
  EventWrite,
  OutsideWrite,
  QueuedEdu,
  StateWrite,
  StoreGroup,
  TransactionAnswer,
  TransactionInFlight,
} from "../event-store.ts"
import { keptRooms } from "./kept-rooms.ts"

/** The names that random groups use; everything that a store can be asked is asked by these. */
export interface Names {
  readonly collections: readonly string[]
  readonly keys: readonly string[]
  readonly origins: readonly string[]
  readonly transactionIds: readonly string[]
}

const pairs = (left: readonly string[], right: readonly string[]) =>
  left.flatMap((one) => right.map((other) => [one, other] as const))

/** Fewer than random groups can give. */
const answeredMax = 3

/** All that a store tells. */
export const told = (store: EventStore["Service"], names: Names) =>
  Effect.all({
    rooms: keptRooms(store),
    states: store.states,
    destinations: store.destinations,
    records: Effect.forEach(names.collections, store.records),
    blobs: Effect.forEach(pairs(names.collections, names.keys), ([collection, key]) =>
      store.blob(collection, key),
    ),
    outside: store.outside,
    answered: store.answered(answeredMax),
    answers: Effect.forEach(pairs(names.origins, names.transactionIds), ([origin, transactionId]) =>
      store.answer(origin, transactionId),
    ),
  })

/** Puts an item in the place of the one with the same key, or at the end. */
const put = <A>(list: A[], isSame: (item: A) => boolean, item: A): void => {
  const at = list.findIndex(isSame)
  if (at < 0) list.push(item)
  else list[at] = item
}

const remove = <A>(list: A[], isSame: (item: A) => boolean): void => {
  const at = list.findIndex(isSame)
  if (at >= 0) list.splice(at, 1)
}

interface ModelRoom {
  readonly roomId: string
  readonly roomVersion: string
  readonly events: EventWrite[]
  extremities: readonly string[]
}

interface ModelDestination {
  readonly destination: string
  readonly unsent: EventReference[]
  readonly unsentEdus: QueuedEdu[]
  inFlight: TransactionInFlight | undefined
}

interface Keyed<A> {
  readonly collection: string
  readonly key: string
  readonly value: A
}

export class Model {
  #rooms: ModelRoom[] = []
  readonly #states: StateWrite[] = []
  readonly #destinations: ModelDestination[] = []
  readonly #outside: OutsideWrite[] = []
  readonly #records: Keyed<JsonValue>[] = []
  readonly #blobs: Keyed<Uint8Array>[] = []
  #answers: NonNullable<StoreGroup["answers"]>[number][] = []

  /** The model after these groups, of which those that cannot be kept leave nothing behind. */
  static after(groups: readonly StoreGroup[]): Model {
    const model = new Model()
    for (const group of groups) if (model.takes(group)) model.#apply(group)
    return model
  }

  /** Whether a group can be kept: it names no room that is not there, and its states rest on what is. */
  takes(group: StoreGroup): boolean {
    return this.#hasRoomsOf(group) && this.#hasStatesOf(group)
  }

  #hasStatesOf({ states = [] }: StoreGroup): boolean {
    return states.every(
      ({ basedOn }, at) =>
        basedOn === undefined ||
        this.#state(basedOn) !== undefined ||
        states.slice(0, at).some(({ digest }) => digest === basedOn),
    )
  }

  #hasRoomsOf(group: StoreGroup): boolean {
    const forgotten = group.forgottenRooms ?? []
    const there = [
      ...this.#rooms.map(({ roomId }) => roomId).filter((roomId) => !forgotten.includes(roomId)),
      ...(group.rooms ?? []).map(({ roomId }) => roomId),
    ]
    return [...(group.events ?? []), ...(group.extremities ?? [])].every(({ roomId }) =>
      there.includes(roomId),
    )
  }

  #apply(group: StoreGroup): void {
    this.#rooms = this.#rooms.filter(({ roomId }) => !(group.forgottenRooms ?? []).includes(roomId))
    for (const { roomId, roomVersion } of group.rooms ?? []) {
      if (this.#room(roomId) === undefined)
        this.#rooms.push({ roomId, roomVersion, events: [], extremities: [] })
    }
    for (const state of group.states ?? []) {
      if (this.#state(state.digest) === undefined) this.#states.push(state)
    }
    for (const event of group.events ?? []) {
      const { events } = this.#room(event.roomId)!
      const held = events.find(({ eventId }) => eventId === event.eventId)
      if (held?.history !== undefined && event.history === undefined) continue
      put(events, ({ eventId }) => eventId === event.eventId, event)
    }
    for (const { roomId, eventIds } of group.extremities ?? []) this.#room(roomId)!.extremities = eventIds
    for (const write of group.destinations ?? []) this.#applyDestination(write)
    for (const write of group.outside ?? []) {
      const isSame = (kept: OutsideWrite) => kept.userId === write.userId && kept.roomId === write.roomId
      if (write.standing === null) remove(this.#outside, isSame)
      else put(this.#outside, isSame, write)
    }
    for (const { collection, key, value } of group.records ?? []) {
      keep(this.#records, collection, key, value)
    }
    for (const { collection, key, bytes } of group.blobs ?? []) keep(this.#blobs, collection, key, bytes)
    for (const answer of group.answers ?? []) {
      put(
        this.#answers,
        (kept) => kept.origin === answer.origin && kept.transactionId === answer.transactionId,
        answer,
      )
    }
    const before = group.answersForgottenBefore
    if (before !== undefined) this.#answers = this.#answers.filter(({ answeredTs }) => answeredTs >= before)
  }

  #applyDestination(write: DestinationWrite): void {
    const { destination } = write
    let kept = this.#destinations.find((known) => known.destination === destination)
    if (kept === undefined) {
      kept = { destination, unsent: [], unsentEdus: [], inFlight: undefined }
      this.#destinations.push(kept)
    }
    const isSame = (one: EventReference) => (other: EventReference) =>
      one[0] === other[0] && one[1] === other[1]
    for (const reference of write.queued ?? []) put(kept.unsent, isSame(reference), reference)
    for (const reference of write.settled ?? []) remove(kept.unsent, isSame(reference))
    for (const edu of write.queuedEdus ?? []) put(kept.unsentEdus, ({ id }) => id === edu.id, edu)
    for (const settled of write.settledEdus ?? []) remove(kept.unsentEdus, ({ id }) => id === settled)
    if (write.inFlight !== undefined) kept.inFlight = write.inFlight ?? undefined
  }

  /** What `told` must give. */
  told(names: Names) {
    return {
      rooms: [...this.#rooms].sort((a, b) => compareCodePoints(a.roomId, b.roomId)),
      states: this.#states,
      destinations: this.#destinations
        .filter(({ unsent, unsentEdus }) => unsent.length + unsentEdus.length > 0)
        .sort((a, b) => compareCodePoints(a.destination, b.destination)),
      records: names.collections.map((collection) =>
        this.#records
          .filter((record) => record.collection === collection)
          .map(({ key, value }) => [key, value] as const)
          .sort(([a], [b]) => compareCodePoints(a, b)),
      ),
      blobs: pairs(names.collections, names.keys).map(
        ([collection, key]) =>
          this.#blobs.find((blob) => blob.collection === collection && blob.key === key)?.value,
      ),
      outside: [...this.#outside].sort(
        (a, b) => compareCodePoints(a.userId, b.userId) || compareCodePoints(a.roomId, b.roomId),
      ),
      answered: [...this.#answers]
        .sort((a, b) => a.answeredTs - b.answeredTs)
        .slice(-answeredMax)
        .map(({ origin, transactionId }) => [origin, transactionId] as const),
      answers: pairs(names.origins, names.transactionIds).map(
        ([origin, transactionId]): TransactionAnswer | undefined =>
          this.#answers.find((kept) => kept.origin === origin && kept.transactionId === transactionId)
            ?.answer,
      ),
    }
  }

  #room(roomId: string): ModelRoom | undefined {
    return this.#rooms.find((room) => room.roomId === roomId)
  }

  #state(digest: string): StateWrite | undefined {
    return this.#states.find((state) => state.digest === digest)
  }
}

const keep = <A>(list: Keyed<A>[], collection: string, key: string, value: A | null): void => {
  const isSame = (kept: Keyed<A>) => kept.collection === collection && kept.key === key
  if (value === null) remove(list, isSame)
  else put(list, isSame, { collection, key, value })
}
