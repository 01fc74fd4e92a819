/** This server's own event, given back by another that was to sign it: the signatures are all that is taken of it. */
import { Effect } from "effect"
import type { Event } from "../core/event.ts"
import { isJsonObject, type JsonObject } from "../core/json/value.ts"
import { type PolicyServer, policyServerNamedBy } from "../core/room-dag/policy-server.ts"
import { policyServerKeyId, policyServerSignatureCheck, withSignature } from "../core/signing.ts"
import { badAnswer } from "./failures.ts"
import { ServerIdentity } from "./identity.ts"
import { KeyRing } from "./key-ring.ts"
import { readOwn } from "./local-events.ts"
import type { Room } from "./rooms.ts"
import { Signatures } from "./signatures/signatures.ts"
import { readPdu } from "./vetting.ts"

/** Whether `answered` is that event, by its id. */
export const isSameEvent = (room: Room, own: Event, answered: JsonObject): boolean => {
  const read = readPdu(answered, room, { checkReferenceCounts: false })
  return "event" in read && read.event.eventId === own.eventId
}

/**
 * `own` with those of `signers`' signatures in `answered` that verify, and that of the room's policy server, likewise.
 * Where one is there already it stays. Fails with 502 where the event would be too large with them.
 */
export const withAnsweredSignatures = Effect.fnUntraced(function* (
  room: Pick<Room, "version">,
  own: Event,
  answered: JsonObject,
  by: { readonly signers: readonly string[]; readonly policyServer: PolicyServer | undefined },
) {
  const keyRing = yield* KeyRing
  const { verify } = yield* Signatures
  const { serverName } = yield* ServerIdentity
  const offered: Event = { ...own, pdu: { ...own.pdu, signatures: answered.signatures ?? {} } }
  const found = yield* Effect.forEach(
    by.signers.filter((server) => server !== serverName),
    (server) => keyRing.validSignatures(offered, room.version, server),
  )
  const policy = by.policyServer && policyServerSignatureCheck(offered, room.version, by.policyServer.via)
  const isRecommended =
    policy !== undefined && verify(by.policyServer!.publicKey, policy.message, policy.signature)
  let pdu = own.pdu
  for (const { server, keyId, signature } of [...found.flat(), ...(isRecommended ? [policy] : [])]) {
    if (!hasSignature(pdu, server, keyId)) pdu = withSignature(pdu, server, keyId, signature)
  }
  if (pdu === own.pdu) return own
  return yield* Effect.mapError(readOwn(pdu, room.version), ({ error }) => badAnswer(error))
})

const hasSignature = ({ signatures }: JsonObject, server: string, keyId: string): boolean => {
  const ofServer = isJsonObject(signatures) ? signatures[server] : undefined
  // A policy server's is kept only where it was verified: until the state is known it cannot have been.
  return isJsonObject(ofServer) && Object.hasOwn(ofServer, keyId) && keyId !== policyServerKeyId
}

/** The policy server that a state names, whether or not it is in the room. */
export const policyServerIn = (state: readonly Event[]): PolicyServer | undefined =>
  policyServerNamedBy(
    state.find(({ type, stateKey }) => type === "m.room.policy" && stateKey === "")?.content,
  )
