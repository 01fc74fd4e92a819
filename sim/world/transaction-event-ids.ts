import { eventIdOf } from "#spec-impl/core/event-id.ts"
import { isJsonArray, isJsonObject } from "#spec-impl/core/json/value.ts"
import type { RoomVersion } from "#spec-impl/core/room-version.ts"
import { readJson } from "#spec-impl/federation/json-body.ts"
import type { EventIdsOf } from "../network/request-facts.ts"

/**
 * The event ids of the PDUs in a request's body, a transaction or a single event, if its room is of that version:
 * the network itself cannot tell, since from room 3 on an id is a hash.
 */
export const eventIdsIn =
  (version: RoomVersion): EventIdsOf =>
  (request) => {
    const body = readJson(request.body)
    if (!isJsonObject(body)) return []
    const pdus = isJsonArray(body.pdus) ? body.pdus : [body]
    return pdus.flatMap((pdu) =>
      isJsonObject(pdu) && typeof pdu.type === "string" ? (eventIdOf(pdu, version) ?? []) : [],
    )
  }
