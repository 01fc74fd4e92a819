/** Check 1 on receipt: is it an event of its room version at all (rooms §Event format, §Size limits)? */

import type { Event } from "./event.ts"
import { eventIdOf, roomIdOfCreate } from "./event-id.ts"
import { without } from "./hash.ts"
import { isEventId, isLongerThan, isRoomId, isUserId } from "./identifiers.ts"
import { canonicalProblem } from "./json/canonical.ts"
import { canonicalJson, encodedBytesMax } from "./json/encode.ts"
import { isJsonArray, isJsonInteger, isJsonObject, type JsonObject, type JsonValue } from "./json/value.ts"
import {
  authEventsMax,
  canonicalIntegerMax,
  depthMaxLenient,
  identifierBytesMax,
  pduBytesMax,
  prevEventsMax,
} from "./limits.ts"
import type { Readings } from "./readings.ts"
import { Recent } from "./recent.ts"
import { redact } from "./redaction.ts"
import type { RoomVersion } from "./room-version.ts"

/** What of the format depends on where an event comes from, and on who reads it. */
export interface FormatOptions {
  /** Not on what `/backfill` answers. */
  readonly checkReferenceCounts?: boolean
  readonly identifierLength?: Readings["identifierLength"]
  readonly repeatedKeys?: Readings["repeatedKeys"]
}

const codePointLength = (text: string): number => [...text].length

/** An event, or the first thing that is wrong with it. */
export type ParsedEvent = { readonly event: Event } | { readonly problem: string }

/**
 * Reads an event in federation format. `unsigned` is no part of it and counts for nothing. The number of
 * prev_events and auth_events is not checked on what `/backfill` answers (`checkReferenceCounts: false`).
 * In rooms 3+ a stray `event_id` is ignored, as the specification wants of all unknown keys: it is part of the
 * hashes like them.
 */
export const parseEvent = (
  received: JsonObject,
  version: RoomVersion,
  options: FormatOptions = {},
): ParsedEvent => {
  const known = readings.get(received)
  if (known !== undefined && holdsFor(known, version, options)) return known.parsed
  const parsed = parseAnew(received, version, options)
  if ("event" in parsed) readings.keep(received, { parsed, version, options })
  return parsed
}

/** Events as they were read last, by the very object that they were read from. */
const readings = new Recent<JsonObject, Reading>()

interface Reading {
  readonly parsed: { readonly event: Event }
  readonly version: RoomVersion
  readonly options: FormatOptions
}

/** Whether an event that was read like that would be read alike: pushed, or told in answer to a question. */
const holdsFor = ({ parsed, version, options }: Reading, asked: RoomVersion, by: FormatOptions): boolean =>
  version === asked &&
  (options.identifierLength ?? "bytes") === (by.identifierLength ?? "bytes") &&
  (options.repeatedKeys ?? "refused") === (by.repeatedKeys ?? "refused") &&
  (by.checkReferenceCounts === false || hasFewReferences(parsed.event))

const hasFewReferences = ({ prevEvents, authEvents }: Event): boolean =>
  prevEvents.length <= prevEventsMax && authEvents.length <= authEventsMax

const parseAnew = (received: JsonObject, version: RoomVersion, options: FormatOptions): ParsedEvent => {
  const pdu = Object.hasOwn(received, "unsigned") ? without(received, ["unsigned"]) : received
  const problem = formProblem(pdu, version, options)
  if (problem !== undefined) return { problem }
  const eventId = eventIdOf(pdu, version)
  if (eventId === undefined || !isEventId(eventId, version)) return { problem: "event_id is not an event id" }
  const roomId = roomIdOf(pdu, eventId, version)
  if (roomId === undefined) return { problem: "room_id is not a room id" }
  return { event: toEvent(pdu, eventId, roomId, version) }
}

/**
 * An event that was read by `parseEvent` before it was kept, under that id. It is what it was then: nothing is checked
 * or hashed again.
 */
export const keptEvent = (pdu: JsonObject, eventId: string, version: RoomVersion): Event =>
  toEvent(pdu, eventId, roomIdOf(pdu, eventId, version) ?? "", version)

/** The same event with what redaction leaves of it; its id does not change. */
export const redactEvent = (event: Event, version: RoomVersion): Event =>
  toEvent(redact(event.pdu, version), event.eventId, event.roomId, version)

const toEvent = (pdu: JsonObject, eventId: string, roomId: string, version: RoomVersion): Event => {
  const content = pdu.content as JsonObject
  const redacts = version.redaction.redactsIn === "content" ? content.redacts : pdu.redacts
  return {
    eventId,
    roomId,
    type: pdu.type as string,
    stateKey: pdu.state_key as string | undefined,
    sender: pdu.sender as string,
    originServerTs: pdu.origin_server_ts as number | bigint,
    depth: pdu.depth as number | bigint,
    content,
    authEvents: referencesIn(pdu.auth_events, version) ?? [],
    prevEvents: referencesIn(pdu.prev_events, version) ?? [],
    redacts: pdu.type === "m.room.redaction" && typeof redacts === "string" ? redacts : undefined,
    pdu,
  }
}

const formProblem = (
  pdu: JsonObject,
  version: RoomVersion,
  { checkReferenceCounts: checkCounts = true, identifierLength = "bytes", repeatedKeys }: FormatOptions,
): string | undefined =>
  (version.canonicalJson === "strict" ? canonicalProblem(pdu, repeatedKeys) : undefined) ??
  fieldProblem(pdu, identifierLength === "bytes" || !version.identifiersOnceInCodePoints) ??
  depthProblem(pdu.depth!, version) ??
  referencesProblem(pdu, version, checkCounts) ??
  (isTooLarge(pdu) ? `the event is larger than ${pduBytesMax} bytes` : undefined)

/** Most events are so small that nobody has to write them to know that. */
const isTooLarge = (pdu: JsonObject): boolean =>
  encodedBytesMax(pdu) > pduBytesMax && isLongerThan(canonicalJson(pdu), pduBytesMax)

const fieldProblem = (pdu: JsonObject, countsBytes: boolean): string | undefined => {
  for (const field of ["type", "sender"] as const) {
    if (typeof pdu[field] !== "string") return `${field} is not a string`
  }
  for (const field of ["type", "sender", "room_id", "state_key", "event_id"] as const) {
    const value = pdu[field]
    if (value === undefined) continue
    if (typeof value !== "string") return `${field} is not a string`
    if (countsBytes ? isLongerThan(value, identifierBytesMax) : codePointLength(value) > identifierBytesMax) {
      return `${field} is longer than ${identifierBytesMax} ${countsBytes ? "bytes" : "code points"}`
    }
  }
  if (!isUserId(pdu.sender as string)) return "sender is not a user id"
  if (!isJsonObject(pdu.content)) return "content is not an object"
  if (!isJsonInteger(pdu.origin_server_ts)) return "origin_server_ts is not an integer"
  const hashes = pdu.hashes
  if (!isJsonObject(hashes) || typeof hashes.sha256 !== "string") return "hashes.sha256 is not a string"
  const signatures = pdu.signatures
  if (!isJsonObject(signatures) || !Object.values(signatures).every(isJsonObject)) {
    return "signatures is not an object of objects"
  }
  return undefined
}

const depthProblem = (depth: JsonValue | undefined, version: RoomVersion): string | undefined => {
  if (!isJsonInteger(depth) || depth < 0) return "depth is not a natural number"
  const max = version.depthMax === "2^53-1" ? canonicalIntegerMax : depthMaxLenient
  return depth > max ? `depth is above ${version.depthMax}` : undefined
}

const referencesProblem = (
  pdu: JsonObject,
  version: RoomVersion,
  checkCounts: boolean,
): string | undefined => {
  const limits = [
    ["prev_events", prevEventsMax],
    ["auth_events", authEventsMax],
  ] as const
  for (const [field, max] of limits) {
    const references = referencesIn(pdu[field], version)
    if (references === undefined) return `${field} is not a list of event references`
    if (checkCounts && references.length > max) return `${field} names more than ${max} events`
  }
  return undefined
}

/** The ids in a list of references, or undefined where it is no such list. */
const referencesIn = (value: JsonValue | undefined, version: RoomVersion): readonly string[] | undefined => {
  if (!isJsonArray(value)) return undefined
  if (version.eventReferences === "ids") {
    return value.every((id) => typeof id === "string") ? (value as readonly string[]) : undefined
  }
  const ids: string[] = []
  for (const reference of value) {
    if (!isJsonArray(reference) || reference.length !== 2) return undefined
    const [id, hashes] = reference
    if (typeof id !== "string" || !isJsonObject(hashes)) return undefined
    ids.push(id)
  }
  return ids
}

/** Rooms 12: the create event has none on the wire, and it is the id of the room (rules 1.2 and 2 see to it). */
const roomIdOf = (pdu: JsonObject, eventId: string, version: RoomVersion): string | undefined => {
  const roomId = pdu.room_id
  const begins = version.roomIdIsCreateHash && pdu.type === "m.room.create" && pdu.state_key === ""
  if (begins) return roomIdOfCreate(eventId)
  return typeof roomId === "string" && isRoomId(roomId, version) ? roomId : undefined
}
