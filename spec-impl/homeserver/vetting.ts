/** Checks 1 to 3 on receipt of a PDU (server-server API §Checks performed on receipt of a PDU). */
import { Context, Effect } from "effect"
import type { Event } from "../core/event.ts"
import { parseEvent, redactEvent } from "../core/event-format.ts"
import { isWhole, without } from "../core/hash.ts"
import { canonicalProblem } from "../core/json/canonical.ts"
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json/value.ts"
import { readingsDefault } from "../core/readings.ts"
import { badJson, invalidParameter } from "../federation/matrix-error.ts"
import { KeyRing } from "./key-ring.ts"
import type { Room } from "./rooms.ts"
import { Stopwatch } from "./stopwatch.ts"

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
export const vetEvents = Effect.fnUntraced(function* (room: Room, events: readonly Event[]) {
  const services = yield* Effect.context<KeyRing>()
  const keyRing = Context.get(services, KeyRing)
  const stopwatch = Context.get(services, Stopwatch)
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
    const hashing = stopwatch.now()
    const matches = isWhole(event.pdu)
    stopwatch.add("hashing", hashing)
    vetted.push({ event: matches ? event : redactEvent(event, room.version) })
  }
  return vetted as readonly Vetted[]
})

/**
 * Checks 1 to 3 on PDUs that another server gave in answer to a question; what fails is left out. An event that is
 * held stays as it is held, for the answer may be a copy that history visibility redacted; unless what is held is such
 * a copy, of an outlier, and the answer a whole one.
 */
export const vetAnswered = (room: Room, pdus: readonly JsonValue[]) => vetRead(room, readAnswered(room, pdus))

/** Check 1 of it. */
export const readAnswered = (room: Room, pdus: readonly JsonValue[]): readonly Event[] =>
  pdus.flatMap((pdu) => {
    const read = readPdu(pdu, room, { checkReferenceCounts: false })
    return "event" in read ? [read.event] : []
  })

/** Checks 2 and 3 of it. */
export const vetRead = Effect.fnUntraced(function* (room: Room, events: readonly Event[]) {
  const unknown = events.filter((event) => !room.dag.holds(event.eventId) || room.dag.bettersOutlier(event))
  const vetted = yield* vetEvents(room, unknown)
  const outcomes = new Map(unknown.map((event, position) => [event, vetted[position]]))
  return events.flatMap((event) => {
    const held = room.dag.record(event.eventId)?.event
    const outcome = outcomes.get(event)
    if (outcome !== undefined && "event" in outcome) return [outcome.event]
    return held === undefined ? [] : [held]
  })
})
