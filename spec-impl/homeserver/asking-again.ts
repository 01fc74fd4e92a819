/**
 * What is done about an event that came, and not as it was made. That copy is dropped, or redacted (§Checks performed on
 * receipt of a PDU, 2 and 3): of the event nothing is said by that, for who gave the copy, or whatever lies between, may
 * have damaged it. So the event has not been received, and is asked for like any that is missing (§Retrieving events:
 * its own signatures prove it, whoever gives it). Synapse asks the server that made it.
 */
import { Effect } from "effect"
import type { Event } from "../core/event.ts"
import { eventIdOf } from "../core/event-id.ts"
import { canonicalJson, compareCodePoints } from "../core/json/encode.ts"
import { isJsonObject, type JsonValue } from "../core/json/value.ts"
import { FederationClient, type FederationUnreachable } from "../federation/client.ts"
import type { MatrixError } from "../federation/matrix-error.ts"
import { isNoAnswer } from "./failures.ts"
import { ServerIdentity } from "./identity.ts"
import type { Room } from "./rooms.ts"
import { type VettedAnswer, vetAnswered } from "./vetting.ts"

/** So often it is asked for one event at most, and for so many events: a lie about a room costs no more. */
const questionsMax = 4
const eventsMax = 20

/**
 * Those of `wanted` that are to be had whole after all, where of the answer `pdus` of `teller` something is damaged: that,
 * and what did not come by its id, which may be made of what was altered. Asked are `teller`, once more, and servers
 * among `inRoom`; where these are few, each again that does not say the same as before.
 */
export const askAgain = Effect.fnUntraced(function* (
  room: Room,
  teller: string,
  inRoom: ReadonlySet<string>,
  pdus: readonly JsonValue[],
  { damaged }: VettedAnswer,
  wanted: readonly string[],
) {
  const came = new Set(pdus.map((pdu) => idOf(room, pdu)))
  const lacked = [...new Set(wanted)]
    .filter((eventId) => damaged.has(eventId) || !(came.has(eventId) || room.dag.holds(eventId)))
    .slice(0, eventsMax)
  const { serverName } = yield* ServerIdentity
  const makers = lacked.flatMap((eventId) => damaged.get(eventId) ?? [])
  const known = [...makers.filter((server) => inRoom.has(server)), ...[...inRoom].sort(compareCodePoints)]
  const servers = [...new Set([teller, ...known])].filter((server) => server !== serverName)
  const silent = new Set<string>()
  const found: Event[] = []
  for (const eventId of lacked) {
    const copies = pdus.filter((pdu) => idOf(room, pdu) === eventId)
    const whole = yield* askForOne(room, servers, eventId, copies, silent)
    if (whole !== undefined) found.push(whole)
  }
  return found
})

const idOf = ({ version }: Room, pdu: JsonValue): string | undefined =>
  isJsonObject(pdu) ? eventIdOf(pdu, version) : undefined

/** Who says nothing is `silent`, and not asked for any other. */
const askForOne = Effect.fnUntraced(function* (
  room: Room,
  servers: readonly string[],
  eventId: string,
  copies: readonly JsonValue[],
  silent: Set<string>,
) {
  const client = yield* FederationClient
  const known = new Set(copies.map((pdu) => canonicalJson(pdu)))
  /** They have it not, or so and not otherwise. */
  const settled = new Set<string>()
  for (let question = 0; question < questionsMax; question++) {
    const server = servers[question % servers.length]
    if (server === undefined || silent.has(server) || settled.has(server)) continue
    const ask = client.call(server, (api) => api.history.event({ params: { eventId } }))
    const answer = yield* Effect.result(ask)
    if (answer._tag === "Failure") {
      if (isSilent(answer.failure)) silent.add(server)
      else if (answer.failure._tag === "MatrixError") settled.add(server)
      continue
    }
    const { pdus } = answer.success
    const { events, damaged } = yield* vetAnswered(room, pdus)
    const event = events.find((one) => one.eventId === eventId)
    if (event !== undefined && !damaged.has(eventId)) return event
    const text = pdus.map((pdu) => canonicalJson(pdu)).join()
    if (known.has(text)) settled.add(server)
    known.add(text)
  }
  return undefined
})

/** Whoever says nothing is not waited for again; unlike one who says what cannot be read. */
const isSilent = (failure: MatrixError | FederationUnreachable): boolean =>
  isNoAnswer(failure) && !(failure._tag === "FederationUnreachable" && failure.reason === "malformed-answer")
