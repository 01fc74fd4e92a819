/**
 * What is done about an event that came, and not as it was made. That copy is dropped, or redacted (§Checks performed on
 * receipt of a PDU, 2 and 3): of the event nothing is said by that, for who gave the copy, or whatever lies between, may
 * have damaged it. So the event has not been received, and is asked for like any that is missing (§Retrieving events:
 * its own signatures prove it, whoever gives it). Synapse asks the server that made it.
 */
import { Effect } from "effect"
import type { Event } from "../core/event.ts"
import { eventIdOf } from "../core/event-id.ts"
import { compareCodePoints } from "../core/json/encode.ts"
import { isJsonObject, type JsonValue } from "../core/json/value.ts"
import { FederationClient, type FederationUnreachable } from "../federation/client.ts"
import type { MatrixError } from "../federation/matrix-error.ts"
import { isNoAnswer } from "./failures.ts"
import { ServerIdentity } from "./identity.ts"
import type { Room } from "./rooms.ts"
import { type VettedAnswer, vetAnswered } from "./vetting.ts"

/** So many servers are asked at most, one after the other, and for so many events: a lie about a room costs no more. */
const serversMax = 4
const eventsMax = 20

/**
 * Those of `wanted` that are to be had whole after all, where of the answer `pdus` of `teller` something is damaged: that,
 * and what did not come by its id, which may be made of what was altered. Asked are `teller`, once more, and servers
 * among `inRoom`.
 */
export const askAgain = Effect.fnUntraced(function* (
  room: Room,
  teller: string,
  inRoom: ReadonlySet<string>,
  pdus: readonly JsonValue[],
  { damaged }: VettedAnswer,
  wanted: readonly string[],
) {
  const came = new Set(pdus.map((pdu) => (isJsonObject(pdu) ? eventIdOf(pdu, room.version) : undefined)))
  const lacked = [...new Set(wanted)]
    .filter((eventId) => damaged.has(eventId) || !(came.has(eventId) || room.dag.holds(eventId)))
    .slice(0, eventsMax)
  const { serverName } = yield* ServerIdentity
  const makers = lacked.flatMap((eventId) => damaged.get(eventId) ?? [])
  const known = [...makers.filter((server) => inRoom.has(server)), ...[...inRoom].sort(compareCodePoints)]
  const servers = [...new Set([teller, ...known])].filter((server) => server !== serverName)
  const found = new Map<string, Event>()
  for (const server of servers.slice(0, serversMax)) {
    for (const eventId of lacked) {
      if (found.has(eventId)) continue
      const result = yield* Effect.result(askWhole(room, server, eventId))
      if (result._tag === "Success") {
        if (result.success !== undefined) found.set(eventId, result.success)
      } else if (isSilent(result.failure)) break
    }
  }
  return [...found.values()]
})

/** Whoever says nothing is not waited for again; unlike one who says what cannot be read. */
const isSilent = (failure: MatrixError | FederationUnreachable): boolean =>
  isNoAnswer(failure) && !(failure._tag === "FederationUnreachable" && failure.reason === "malformed-answer")

const askWhole = Effect.fnUntraced(function* (room: Room, server: string, eventId: string) {
  const client = yield* FederationClient
  const { pdus } = yield* client.call(server, (api) => api.history.event({ params: { eventId } }))
  const { events, damaged } = yield* vetAnswered(room, pdus)
  return damaged.has(eventId) ? undefined : events.find((event) => event.eventId === eventId)
})
