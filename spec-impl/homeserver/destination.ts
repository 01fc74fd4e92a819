/** The record of what one destination has yet to get, and what it turns into: no time, no store, no network. */
import type { Fiber } from "effect"
import type { Event } from "../core/event.ts"
import { canonicalJson } from "../core/json/encode.ts"
import { transactionEdusMax, transactionPdusMax } from "../core/limits.ts"
import type { RoomDag } from "../core/room-dag/room-dag.ts"
import { type SmallMap, withEntry, withoutKey } from "../core/small-map.ts"
import type {
  EventReference,
  QueuedEdu,
  StoredDestination,
  TransactionInFlight,
} from "../store/event-store.ts"

/** What one destination has yet to get. */
export interface Destination {
  readonly name: string
  inFlight: TransactionInFlight | undefined
  /** Whether the store has what is in flight. */
  isKept: boolean
  /** Missed events that the store has as unsent still, though a later one covers them. */
  covered: readonly EventReference[]
  /** In the order of sending. A list of one is shared with other destinations. */
  pending: EventReference[]
  /** Events that it missed and that no later missed event has for a parent, by event id. */
  missed: SmallMap<string, EventReference> | undefined
  /** By id, in the order of sending. */
  edus: SmallMap<string, QueuedEdu> | undefined
  /** Ids of EDUs that mean nothing any more once it has failed to answer. */
  ofTheMoment: Set<string> | undefined
  /** Ids of EDUs in flight that were kept anew since: what is acknowledged is not the last of them. */
  keptAnew: Set<string> | undefined
  failures: number
  /** Whether something is on its way to it, or about to be. */
  sending: boolean
  /** The fiber that waits for its answer. */
  sender: Fiber.Fiber<unknown, unknown> | undefined
  /** Whether it waits to be tried again. */
  isWaiting: boolean
}

/** Of a thousand servers each may have hundreds to send to: what is empty is the same for all, and never changed. */
const none: EventReference[] = []
const noEdus: readonly QueuedEdu[] = []

/** The record of a server that has yet to get nothing. */
export const nothingFor = (name: string): Destination => ({
  name,
  inFlight: undefined,
  isKept: false,
  covered: none,
  keptAnew: undefined,
  pending: none,
  missed: undefined,
  edus: undefined,
  ofTheMoment: undefined,
  failures: 0,
  sending: false,
  sender: undefined,
  isWaiting: false,
})

/** Puts in what was kept of it before a restart. */
export const restore = (
  destination: Destination,
  kept: StoredDestination,
  eventOf: (reference: EventReference) => Event | undefined,
): void => {
  destination.inFlight = kept.inFlight
  destination.isKept = kept.inFlight !== undefined
  const inFlight = new Set(kept.inFlight?.events.map(([, eventId]) => eventId))
  for (const reference of kept.unsent) {
    const event = eventOf(reference)
    if (event !== undefined && !inFlight.has(event.eventId)) miss(destination, reference, event)
  }
  const edusInFlight = new Map(kept.inFlight?.edus.map(({ id, edu }) => [id, canonicalJson(edu)]))
  for (const queued of kept.unsentEdus) {
    const sent = edusInFlight.get(queued.id)
    if (sent === canonicalJson(queued.edu)) continue
    if (sent !== undefined) keepAnew(destination, queued.id)
    putEdu(destination, queued)
  }
}

/** Until it has caught up, what is new for it joins what it missed. */
export const isBehind = ({ failures, missed }: Destination): boolean => failures > 0 || missed !== undefined

export const eventCount = ({ inFlight, pending, missed }: Destination): number =>
  (inFlight?.events.length ?? 0) + pending.length + (missed?.size ?? 0)

export const eduCount = ({ inFlight, edus }: Destination): number =>
  (inFlight?.edus.length ?? 0) + (edus?.size ?? 0)

export const hasUnsent = (destination: Destination): boolean =>
  eventCount(destination) + eduCount(destination) > 0

/** Puts one event behind what is pending: given as the list of it alone, which all share to whom nothing else is pending. */
export const putPending = (destination: Destination, alone: [EventReference]): void => {
  const { pending } = destination
  if (pending.length === 0) destination.pending = alone
  else if (pending.length === 1) destination.pending = [...pending, ...alone]
  else pending.push(...alone)
}

/** Takes so many of what is pending. */
export const takePending = (
  destination: Destination,
  countMax = Number.POSITIVE_INFINITY,
): readonly EventReference[] => {
  const { pending } = destination
  if (pending.length > countMax) return pending.splice(0, countMax)
  destination.pending = none
  return pending
}

/** Takes what the next transaction will carry: what is pending, or else the tips of what was missed; and EDUs. */
export const takeNext = (
  destination: Destination,
  dagOf: (roomId: string) => RoomDag | undefined,
): Pick<TransactionInFlight, "events" | "edus"> => {
  const edus = takeEdus(destination)
  if (destination.pending.length > 0) return { events: takePending(destination, transactionPdusMax), edus }
  if (destination.missed === undefined) return { events: none, edus }
  destination.covered = dropCovered(destination.missed, dagOf)
  const events = [...destination.missed.values()].slice(0, transactionPdusMax)
  for (const [, eventId] of events) destination.missed = withoutKey(destination.missed, eventId)
  return { events, edus }
}

const takeEdus = (destination: Destination): readonly QueuedEdu[] => {
  if (destination.edus === undefined) return noEdus
  const edus = [...destination.edus.values()].slice(0, transactionEdusMax)
  for (const { id } of edus) destination.edus = withoutKey(destination.edus, id)
  return edus
}

/** Puts an EDU behind those that have not left, in the place of that of its id and of the one that it replaces. */
export const putEdu = (destination: Destination, queued: QueuedEdu): void => {
  destination.edus?.delete(queued.id)
  if (queued.replaces !== undefined) destination.edus?.delete(queued.replaces)
  destination.edus = withEntry(destination.edus, queued.id, queued)
}

/** The store has all that is in flight. */
export const noteKept = (destination: Destination): void => {
  destination.isKept = true
  destination.covered = none
}

/** Notes that an EDU in flight was kept anew. */
export const keepAnew = (destination: Destination, eduId: string): void => {
  destination.keptAnew ??= new Set()
  destination.keptAnew.add(eduId)
}

/** Notes that an EDU is of the moment. */
export const noteMoment = (destination: Destination, eduId: string): void => {
  destination.ofTheMoment ??= new Set()
  destination.ofTheMoment.add(eduId)
}

/** It did not answer: what was of the moment is over before it can be told. */
export const dropMoments = (destination: Destination): void => {
  for (const id of destination.ofTheMoment ?? []) destination.edus = withoutKey(destination.edus, id)
  destination.ofTheMoment = undefined
}

export const coveredBy = ({ missed }: Destination, event: Event): readonly EventReference[] =>
  event.prevEvents.flatMap((parent) => {
    const reference = missed?.get(parent)
    return reference === undefined ? [] : [reference]
  })

/** Notes that the destination missed `event`, and gives the missed events that are covered by it. */
export const miss = (
  destination: Destination,
  reference: EventReference,
  event: Event,
): readonly EventReference[] => {
  const covered = coveredBy(destination, event)
  for (const [, eventId] of covered) destination.missed?.delete(eventId)
  destination.missed = withEntry(destination.missed, event.eventId, reference)
  return covered
}

/**
 * Leaves of what was missed the forward extremities, room by room: events of other servers may stand between two
 * of this one. Gives what is covered by a later one.
 */
const dropCovered = (
  missed: SmallMap<string, EventReference>,
  dagOf: (roomId: string) => RoomDag | undefined,
): readonly EventReference[] => {
  const byRoom = Map.groupBy(missed.values(), ([roomId]) => roomId)
  const covered = [...byRoom].flatMap(([roomId, references]) => {
    const dag = dagOf(roomId)
    if (dag === undefined || references.length < 2) return []
    const eventIds = references.map(([, eventId]) => eventId)
    const before = ancestorsOf(dag, eventIds)
    return references.filter(([, eventId]) => before.has(eventId))
  })
  for (const [, eventId] of covered) missed.delete(eventId)
  return covered
}

/** All events before those, as deep as the least deep of them. */
const ancestorsOf = (dag: RoomDag, eventIds: readonly string[]): ReadonlySet<string> => {
  let depthMin: number | bigint = Number.POSITIVE_INFINITY
  for (const eventId of eventIds) {
    const depth = dag.record(eventId)?.event.depth
    if (depth !== undefined && depth < depthMin) depthMin = depth
  }
  const seen = new Set<string>()
  const open = [...eventIds]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const parent of dag.record(next)?.event.prevEvents ?? []) {
      const depth = dag.record(parent)?.event.depth
      if (depth === undefined || depth < depthMin || seen.has(parent)) continue
      seen.add(parent)
      open.push(parent)
    }
  }
  return seen
}
