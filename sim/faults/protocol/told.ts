/** Answers about the history and state of a room, with what they say read and said anew. */
import type { Event } from "#spec-impl/core/event.ts"
import { eventIdOf } from "#spec-impl/core/event-id.ts"
import { canonicalJsonBytes } from "#spec-impl/core/json/encode.ts"
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "#spec-impl/core/json/value.ts"
import { readJson } from "#spec-impl/federation/json-body.ts"
import type { WireRequest, WireResponse } from "#spec-impl/federation/wire.ts"
import type { Room } from "#spec-impl/homeserver/rooms.ts"
import { withBody } from "../../network/rules.ts"
import type { FaultWorld } from "../fault.ts"

/** The room that a request is about, as the server holds it that answers; undefined where it holds none. */
export const roomAsked = (
  { servers }: FaultWorld,
  { destination, target }: WireRequest,
): Room | undefined => {
  const [path = ""] = target.split("?")
  const roomId = path
    .split("/")
    .map(decodedSegment)
    .find((segment) => segment.startsWith("!"))
  return roomId === undefined ? undefined : servers.get(destination)?.rooms.find(roomId)
}

const decodedSegment = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** An answer of which lists under these names are other ones; an error, or what is no JSON, stays what it is. */
export const withLists = (
  response: WireResponse,
  change: (list: readonly JsonValue[], name: string) => readonly JsonValue[],
  ...names: readonly string[]
): WireResponse => {
  if (response.status !== 200) return response
  const body = readJson(response.body)
  if (!isJsonObject(body)) return response
  const changed = names.flatMap((name) => {
    const list = body[name]
    return isJsonArray(list) ? [[name, [...change(list, name)]] as const] : []
  })
  return changed.length === 0
    ? response
    : withBody(response, canonicalJsonBytes({ ...body, ...Object.fromEntries(changed) }))
}

/** The id of what stands in such a list: an id, or a PDU. */
export const idIn = (said: JsonValue, room: Room): string | undefined =>
  typeof said === "string" ? said : isJsonObject(said) ? eventIdOf(said, room.version) : undefined

/** What stands for an event in such a list beside `said`. */
export const inFormOf = (said: JsonValue, { eventId, pdu }: Event): string | JsonObject =>
  typeof said === "string" ? eventId : pdu
