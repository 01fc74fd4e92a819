/**
 * Signatures, as data: what must be verified, and what outcomes mean. Who verifies is not this file's business
 * (appendices §Signing JSON, server-server API §Signing Events).
 */
import { decodeBase64, encodeBase64 } from "./base64.ts"
import type { Event } from "./event.ts"
import { contentHash, noteSigned, protectedText, without } from "./hash.ts"
import { domainOf } from "./identifiers.ts"
import { canonicalJsonBytes, compareCodePoints } from "./json/encode.ts"
import { isJsonObject, type JsonObject, type JsonValue, newObject } from "./json/value.ts"
import { Recent } from "./recent.ts"
import type { RoomVersion } from "./room-version.ts"

/** One signature to verify, once the key of that server and id is known. */
export interface SignatureCheck {
  readonly server: string
  readonly keyId: string
  /** Empty where the signature is not base64: it verifies under no key. */
  readonly signature: Uint8Array
  readonly message: Uint8Array
}

/** What became of one check. */
export type SignatureOutcome = "valid" | "invalid" | "unknown-key" | "expired-key"

/** The key id of every policy server (§Validating Policy Server signatures): for check 7, never for check 2. */
export const policyServerKeyId = "ed25519:policy_server"

/** The bytes that a signature of `object` covers (appendices §Signing Details). */
export const signingBytes = (object: JsonObject): Uint8Array =>
  canonicalJsonBytes(without(object, ["signatures", "unsigned"]))

/** Gives bytes of their own: of `Buffer.from` each would keep the 64 KiB from which it was cut as long as it is kept. */
const encoder = new TextEncoder()

/** The bytes that a signature of an event covers: of its redacted form (§Signing Events). */
export const eventSigningBytes = (pdu: JsonObject, version: RoomVersion): Uint8Array =>
  encoder.encode(protectedText(pdu, version))

/** The Ed25519 signatures of `server` on `object` (appendices §Checking for a Signature). */
export const jsonSignatureChecks = (object: JsonObject, server: string): readonly SignatureCheck[] => {
  const message = signingBytes(object)
  return signaturesOf(object, server).map(([keyId, signature]) => ({ server, keyId, signature, message }))
}

/** The signatures of `server` on an event, over its redacted form; a policy server's are left out. */
export const eventSignatureChecks = (
  event: Event,
  version: RoomVersion,
  server: string,
): readonly SignatureCheck[] => {
  const { pdu } = event
  const known = knownChecks.get(pdu)
  if (known?.version === version && known.server === server) return known.checks
  const signatures = signaturesOf(pdu, server).filter(([keyId]) => keyId !== policyServerKeyId)
  if (signatures.length === 0) return []
  const message = eventSigningBytes(pdu, version)
  const checks = signatures.map(([keyId, signature]) => ({ server, keyId, signature, message }))
  knownChecks.keep(pdu, { version, server, checks })
  return checks
}

/** By the event as it was signed here, or came: many virtual servers verify one and the same. */
const knownChecks = new Recent<
  JsonObject,
  { readonly version: RoomVersion; readonly server: string; readonly checks: readonly SignatureCheck[] }
>()

/** The policy server's signature on an event, by the key id that is its own; undefined where there is none. */
export const policyServerSignatureCheck = (
  event: Event,
  version: RoomVersion,
  via: string,
): SignatureCheck | undefined => {
  const found = signaturesOf(event.pdu, via).find(([keyId]) => keyId === policyServerKeyId)
  if (found === undefined) return undefined
  const [keyId, signature] = found
  return { server: via, keyId, signature, message: eventSigningBytes(event.pdu, version) }
}

const signaturesOf = (object: JsonObject, server: string): readonly (readonly [string, Uint8Array])[] => {
  const signatures = object.signatures
  const ofServer =
    isJsonObject(signatures) && Object.hasOwn(signatures, server) ? signatures[server] : undefined
  if (!isJsonObject(ofServer)) return []
  return Object.keys(ofServer)
    .filter((keyId) => keyId.startsWith("ed25519:"))
    .sort()
    .map((keyId) => {
      const text = ofServer[keyId]
      return [
        keyId,
        (typeof text === "string" ? decodeBase64(text) : undefined) ?? new Uint8Array(0),
      ] as const
    })
}

/**
 * The servers whose signature an event needs (§Checks performed on receipt of a PDU, 2): the sender's, but for
 * an invite by a third party; in rooms 1 and 2 also that of the event id.
 */
export const requiredSigners = (event: Event, version: RoomVersion): readonly string[] => {
  const signers: string[] = []
  const sender = domainOf(event.sender)
  if (sender !== undefined && !isThirdPartyInvite(event)) signers.push(sender)
  const named = version.eventIdServerSigns ? domainOf(event.eventId) : undefined
  if (named !== undefined && !signers.includes(named)) signers.push(named)
  return signers
}

const isThirdPartyInvite = ({ type, content }: Event): boolean =>
  type === "m.room.member" && content.membership === "invite" && Object.hasOwn(content, "third_party_invite")

/** The server that must have signed by rule 4.2 of rooms 8–11 and 5.2 of room 12, if the event names one. */
export const restrictedJoinSigner = (event: Event): string | undefined => {
  const user = event.type === "m.room.member" ? event.content.join_authorised_via_users_server : undefined
  return typeof user === "string" ? domainOf(user) : undefined
}

/**
 * Whether a server signed, from the outcomes of all its signatures (§Validating hashes and signatures, v1.19):
 * those by unknown or expired keys do not count, every other one must hold, and there must be one.
 */
export const judgeSignatures = (
  outcomes: readonly SignatureOutcome[],
): "verified" | "failed" | "unverifiable" => {
  if (outcomes.includes("invalid")) return "failed"
  return outcomes.includes("valid") ? "verified" : "unverifiable"
}

/** `object` with one signature more; the others stay. */
export const withSignature = (
  object: JsonObject,
  server: string,
  keyId: string,
  signature: Uint8Array,
): JsonObject => {
  const signatures = isJsonObject(object.signatures) ? object.signatures : {}
  const ofServer = isJsonObject(signatures[server]) ? signatures[server] : {}
  return {
    ...object,
    signatures: { ...signatures, [server]: { ...ofServer, [keyId]: encodeBase64(signature) } },
  }
}

type Sign = (message: Uint8Array) => Uint8Array

/** Signs any object (appendices §Signing JSON). */
export const signJson = (object: JsonObject, server: string, keyId: string, sign: Sign): JsonObject =>
  withSignature(object, server, keyId, sign(signingBytes(object)))

/**
 * Adds the content hash and a signature (§Adding hashes and signatures to outgoing events). The keys stand in canonical
 * order: a room is told to each server that joins it, and what is in order is written as it stands.
 */
export const signEvent = (
  pdu: JsonObject,
  version: RoomVersion,
  server: string,
  keyId: string,
  sign: Sign,
): JsonObject => {
  const hashed = { ...pdu, hashes: { sha256: contentHash(pdu) } }
  const message = eventSigningBytes(hashed, version)
  const signature = sign(message)
  const signed = inOrder(withSignature(hashed, server, keyId, signature))
  noteSigned(signed, hashed, version)
  if (pdu.signatures === undefined && keyId.startsWith("ed25519:") && keyId !== policyServerKeyId) {
    knownChecks.keep(signed, { version, server, checks: [{ server, keyId, signature, message }] })
  }
  return signed
}

const inOrder = (object: JsonObject): JsonObject => {
  const ordered = newObject<JsonValue>()
  for (const key of Object.keys(object).sort(compareCodePoints)) ordered[key] = object[key]!
  return ordered
}
