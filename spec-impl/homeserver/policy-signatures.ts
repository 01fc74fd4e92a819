/** Putting events before the policy server of their room (server-server API §Asking for a Policy Server signature on an event). */
import { Effect } from "effect"
import { decodeBase64 } from "../core/base64.ts"
import type { Event } from "../core/event.ts"
import { parseEvent } from "../core/event-format.ts"
import { isJsonObject, type JsonValue } from "../core/json/value.ts"
import type { RoomVersion } from "../core/room-version.ts"
import { policyServerKeyId, withSignature } from "../core/signing.ts"
import { FederationClient } from "../federation/client.ts"
import { badJson, forbidden } from "../federation/matrix-error.ts"
import { recommend } from "../federation/policy/recommendation.ts"
import { badAnswer } from "./failures.ts"
import { ServerIdentity } from "./identity.ts"
import { Outside } from "./outside.ts"
import { type Room, Rooms } from "./rooms.ts"
import { Settings } from "./settings.ts"

/**
 * `event` with the signature of the room's policy server, where it uses one. Fails with what that answers, word for
 * word, or with why it does not answer. What the rules do not allow is refused first, with 403: it is not worth asking.
 */
export const putBeforePolicyServer = Effect.fnUntraced(function* (room: Room, event: Event) {
  const policy = room.dag.lackedPolicyServer(event)
  if (policy === undefined) return event
  const objection = room.dag.objectionNow(event)
  if (objection !== undefined) return yield* forbidden(`rejected by ${objection.rule}: ${objection.reason}`)
  const signed = yield* signedBy(policy.via, room, event)
  if (room.dag.lackedPolicyServer(signed) === undefined) return signed
  return yield* badAnswer(`${policy.via} signed with another key than the room's`)
})

/** As `putBeforePolicyServer`, but gives an event for which no signature is to be had as it is: for others' events. */
export const asRecommended = (room: Room, event: Event) =>
  room.dag.lackedPolicyServer(event) === undefined
    ? Effect.succeed(event)
    : Effect.orElseSucceed(putBeforePolicyServer(room, event), () => event)

/**
 * `event` with one signature more: of another server, or of this one where it is the policy server itself. Fails where
 * it would be too large with that: nobody could take it in.
 */
const signedBy = Effect.fnUntraced(function* (via: string, { version }: Pick<Room, "version">, event: Event) {
  const { serverName } = yield* ServerIdentity
  const { readings } = yield* Settings
  const client = yield* FederationClient
  const signature =
    via === serverName
      ? yield* recommend(event, version, serverName)
      : readSignature(yield* client.call(via, (api) => api.policy.sign({ payload: event.pdu })), via)
  if (signature === undefined) return yield* badAnswer(`${via} gave no signature`)
  const pdu = withSignature(event.pdu, via, policyServerKeyId, signature)
  const { identifierLength, repeatedKeys } = readings
  const read = parseEvent(pdu, version, { checkReferenceCounts: false, identifierLength, repeatedKeys })
  return "event" in read
    ? read.event
    : yield* badJson(`with the signature of ${via} such an event cannot be: ${read.problem}`)
})

const readSignature = (answer: JsonValue, via: string): Uint8Array | undefined => {
  const ofServer = isJsonObject(answer) && Object.hasOwn(answer, via) ? answer[via] : undefined
  const signature = isJsonObject(ofServer) ? ofServer[policyServerKeyId] : undefined
  return typeof signature === "string" ? decodeBase64(signature) : undefined
}

/**
 * A membership event by which a user enters or turns away, put before the policy server that the room had when this
 * server last saw it, or by what an invite told. That may be of yesterday: only a refusal counts, and the resident
 * server asks where a signature is missing.
 */
export const putBeforePolicyServerFromOutside = Effect.fnUntraced(function* (
  roomId: string,
  version: RoomVersion,
  event: Event,
) {
  const { readings } = yield* Settings
  const via = yield* rememberedPolicyServer(roomId, event.sender)
  if (via === undefined || readings.policyServers === "unknown") return event
  return yield* signedBy(via, { version }, event).pipe(
    Effect.catchIf(
      (error) => error._tag !== "MatrixError" || error.errcode !== "M_FORBIDDEN",
      () => Effect.succeed(event),
    ),
  )
})

const rememberedPolicyServer = Effect.fnUntraced(function* (roomId: string, userId: string) {
  const dag = (yield* Rooms).find(roomId)?.dag
  const told = (yield* Outside).standingOf(userId, roomId)?.roomState ?? []
  const content =
    dag?.eventIn(dag.currentState(), "m.room.policy", "")?.content ??
    told.find(({ type, state_key: stateKey }) => type === "m.room.policy" && stateKey === "")?.content
  const via = isJsonObject(content) ? content.via : undefined
  return typeof via === "string" ? via : undefined
})
