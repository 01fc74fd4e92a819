/** Checks 1 to 3 on receipt of a PDU (server-server API §Checks performed on receipt of a PDU). */
import { Effect } from "effect"
import type { Event } from "../core/event.ts"
import { parseEvent, redactEvent } from "../core/event-format.ts"
import { eventIdOf } from "../core/event-id.ts"
import { isWhole, without } from "../core/hash.ts"
import { domainOf } from "../core/identifiers.ts"
import { canonicalProblem } from "../core/json/canonical.ts"
import { canonicalJson } from "../core/json/encode.ts"
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json/value.ts"
import { readingsDefault } from "../core/readings.ts"
import type { RoomVersion } from "../core/room-version.ts"
import { restrictedJoinSigner } from "../core/signing.ts"
import { badJson, invalidParameter } from "../federation/matrix-error.ts"
import { KeyRing } from "./key-ring.ts"
import type { Room } from "./rooms.ts"
import { Stopwatch, type StopwatchService } from "./stopwatch.ts"

/** An event fit to be examined, or why it is dropped: as if it had never come. */
export type Vetted = { readonly event: Event } | { readonly problem: string }

/**
 * Check 1 alone: the event, or what is wrong with its form. The counts of prev and auth events bind pushed
 * events only (§Backfilling: "MUST NOT validate").
 */
export const readPdu = (
  pdu: JsonValue | undefined,
  room: Pick<Room, "roomId" | "version"> & Partial<Pick<Room, "readings">>,
  options: { readonly checkReferenceCounts: boolean },
): Vetted => {
  if (!isJsonObject(pdu)) return { problem: "a PDU must be an object" }
  const { identifierLength, repeatedKeys } = room.readings ?? readingsDefault
  const parsed = parseEvent(pdu, room.version, { ...options, identifierLength, repeatedKeys })
  if ("problem" in parsed) return parsed
  return parsed.event.roomId === room.roomId ? parsed : { problem: `the event is not of room ${room.roomId}` }
}

/** What makes the event no canonical JSON where its room wants that (rooms/v6 §Canonical JSON). */
export const nonCanonical = (pdu: JsonObject, { version, readings }: Pick<Room, "version" | "readings">) =>
  version.canonicalJson === "strict"
    ? canonicalProblem(without(pdu, ["unsigned"]), readings.repeatedKeys)
    : undefined

/**
 * Check 1 on the event that is an endpoint's body: 400 M_BAD_JSON where it is no canonical JSON and the room wants
 * that (rooms/v6 §Canonical JSON), 400 M_INVALID_PARAM where anything else is wrong with its form.
 */
export const readSent = (pdu: JsonObject, room: Room) => {
  const oddity = nonCanonical(pdu, room)
  if (oddity !== undefined) return Effect.fail(badJson(oddity))
  const read = readPdu(pdu, room, { checkReferenceCounts: true })
  return "problem" in read ? Effect.fail(invalidParameter(read.problem)) : Effect.succeed(read.event)
}

/**
 * Checks 2 and 3 on events that passed check 1, in their order: without the signatures it needs an event is
 * dropped; where its content does not match its hash it is kept redacted.
 */
export const vetEvents = (room: Room, events: readonly Event[]) =>
  Effect.flatMap(KeyRing, (keyRing) => vetEventsBy(keyRing, room, events))

/** The same by that key ring: at once where there is nothing to wait for. */
export const vetEventsBy = Effect.fnUntracedEager(function* (
  keyRing: KeyRing["Service"],
  room: Room,
  events: readonly Event[],
) {
  const { stopwatch } = room
  const asked = stopwatch.now()
  const outcomes = yield* keyRing.verifyEvents(events, room.version)
  stopwatch.add("signatures", asked, events.length)
  const vetted: Vetted[] = []
  for (const [position, event] of events.entries()) {
    const outcome = outcomes[position]!
    if (outcome !== "verified") {
      vetted.push({ problem: outcome.failed })
      continue
    }
    if (yield* keyRing.restrictedJoinSignature(event, room.version)) {
      room.dag.noteSignedRestrictedJoin(event.eventId)
    }
    vetted.push({ event: asHashed(event, room.version, stopwatch) })
  }
  return vetted as readonly Vetted[]
})

/** Check 3: the event, or what redaction leaves of it. */
const asHashed = (event: Event, version: RoomVersion, stopwatch: StopwatchService): Event => {
  const since = stopwatch.now()
  const matches = isWhole(event.pdu)
  stopwatch.add("hashing", since)
  return matches ? event : redactEvent(event, version)
}

/** What is left of an answer. */
export interface VettedAnswer {
  /**
   * What passes checks 1 to 3. An event that is held stays as it is held, for the answer may be a copy that history
   * visibility redacted; unless what is held is such a copy, of an outlier, and the answer a whole one.
   */
  readonly events: readonly Event[]
  /**
   * The ids of what came and is not as it was made, in no copy: it has not the signatures that it must have, or more than
   * its hash covers. Beside each the server that it says that it is of. What is unverifiable is not among these.
   */
  readonly damaged: ReadonlyMap<string, string | undefined>
}

/** Checks 1 to 3 on PDUs that another server gave in answer to a question; what fails is left out. */
export const vetAnswered = Effect.fnUntraced(function* (room: Room, pdus: readonly JsonValue[]) {
  const vetting = yield* beginVetting(room)
  yield* vetting.read(pdus)
  return yield* vetting.vetted
})

/** So many PDUs are read before their signatures begin to be verified. */
const readAtOnce = 64

/** The same of more PDUs than one list has; and whoever asked for them may go on while signatures are verified. */
export interface Vetting {
  /** Check 1: gives what passes it. Check 2 of that begins. */
  readonly read: (pdus: readonly JsonValue[]) => Effect.Effect<readonly Event[]>
  /** What was read, each copy once, as it will be if all signatures hold. */
  readonly offered: Effect.Effect<readonly Event[]>
  /** What is left of it: the same, without what fails. */
  readonly vetted: Effect.Effect<VettedAnswer>
}

export const beginVetting = Effect.fnUntraced(function* (
  room: Room,
): Effect.fn.Return<Vetting, never, KeyRing> {
  const keyRing = yield* KeyRing
  const stopwatch = yield* Stopwatch
  const verification = keyRing.beginEvents(room.version)
  const isNew = onceEach()
  const all: Event[] = []
  const unknown: Event[] = []
  /** The unknown ones after check 3. */
  const hashed = new Map<Event, Event>()
  /** Of these what check 3 had to redact, and nobody had before. */
  const altered = new Set<Event>()
  /** What failed check 1. */
  const unread: string[] = []
  /** How many of the unknown ones were asked who let the user in. */
  let lookedAt = 0
  /** What is held of each of all. */
  const held: (Event | undefined)[] = []
  const asked = stopwatch.now()

  const read = Effect.fnUntraced(function* (pdus: readonly JsonValue[]) {
    const found: Event[] = []
    for (let at = 0; at < pdus.length; at += readAtOnce) {
      const events = readAnswered(room, pdus.slice(at, at + readAtOnce), unread)
      const copies = events.filter(isNew)
      const wanted = copies.filter(
        (event) => !room.dag.holds(event.eventId) || room.dag.bettersOutlier(event),
      )
      found.push(...events)
      all.push(...copies)
      unknown.push(...wanted)
      yield* verification.add(wanted)
      for (const event of wanted) {
        const left = asHashed(event, room.version, stopwatch)
        hashed.set(event, left)
        if (left !== event && !isSame(left, event)) altered.add(event)
      }
    }
    return found as readonly Event[]
  })

  const offered = Effect.gen(function* () {
    for (const event of room.version.auth.restricted ? unknown.slice(lookedAt) : []) {
      if (restrictedJoinSigner(event) === undefined) continue
      if (yield* keyRing.restrictedJoinSignature(event, room.version)) {
        room.dag.noteSignedRestrictedJoin(event.eventId)
      }
    }
    lookedAt = unknown.length
    // Asked now: whoever goes on by what is offered may put it into the room before it is verified.
    for (const event of all.slice(held.length)) held.push(room.dag.record(event.eventId)?.event)
    return all.flatMap((event, position) => hashed.get(event) ?? held[position] ?? [])
  })

  const vetted = Effect.gen(function* () {
    yield* offered
    const outcomes = yield* verification.outcomes()
    stopwatch.add("signatures", asked, unknown.length)
    const failed = new Set<Event>()
    const damaged = new Map<string, string | undefined>(unread.map((eventId) => [eventId, undefined]))
    for (const [position, event] of unknown.entries()) {
      const outcome = outcomes[position]!
      if (outcome !== "verified") failed.add(event)
      const isDamaged = outcome === "verified" ? altered.has(event) : !outcome.isUnverifiable
      if (isDamaged) damaged.set(event.eventId, domainOf(event.sender))
    }
    for (const [position, event] of damaged.size > 0 ? all.entries() : []) {
      const isWell = held[position] !== undefined || !(failed.has(event) || altered.has(event))
      if (isWell) damaged.delete(event.eventId)
    }
    const events = all.flatMap(
      (event, position) => (failed.has(event) ? undefined : hashed.get(event)) ?? held[position] ?? [],
    )
    return { events, damaged }
  })
  return { read, offered, vetted }
})

/** Check 1 of what was asked for. The ids of what fails it go to `unread`. */
const readAnswered = (room: Room, pdus: readonly JsonValue[], unread: string[]): readonly Event[] =>
  pdus.flatMap((pdu) => {
    const read = readPdu(pdu, room, { checkReferenceCounts: false })
    if ("event" in read) return [read.event]
    const eventId = isJsonObject(pdu) ? eventIdOf(pdu, room.version) : undefined
    if (eventId !== undefined) unread.push(eventId)
    return []
  })

/** Whether two copies of an event say the same. */
const isSame = ({ pdu }: Event, other: Event): boolean =>
  pdu === other.pdu || canonicalJson(pdu) === canonicalJson(other.pdu)

/** Whether such a copy of an event has not come before: much of an auth chain is part of the state too. */
const onceEach = (): ((event: Event) => boolean) => {
  const copies = new Map<string, Event[]>()
  return (event) => {
    const known = copies.get(event.eventId)
    if (known === undefined) copies.set(event.eventId, [event])
    else if (known.some((copy) => isSame(copy, event))) return false
    else known.push(event)
    return true
  }
}
