/** Hashes of events (server-server API §Signing Events). */
import { hash } from "node:crypto"
import { canonicalJson } from "./json/encode.ts"
import { isJsonObject, type JsonObject, type JsonValue, newObject } from "./json/value.ts"
import { Recent } from "./recent.ts"
import { redact } from "./redaction.ts"
import type { RoomVersion } from "./room-version.ts"

/** SHA-256 of bytes, or of text as UTF-8. */
export const sha256 = (data: Uint8Array | string): Uint8Array => hash("sha256", data, "buffer")

/** SHA-256 of text as UTF-8, a character for each byte: a string takes a third of the time of bytes with a buffer of their own. */
export const sha256Binary = (text: string): string => hash("sha256", text, "binary")

/** SHA-256 of text as UTF-8, unpadded in that alphabet. */
const hashText = (text: string, alphabet: "base64" | "base64url"): string => {
  const padded = hash("sha256", text, alphabet)
  // Of 32 bytes there is one sign of padding, if any.
  return padded.endsWith("=") ? padded.slice(0, -1) : padded
}

/** SHA-1 of text as UTF-8, in hexadecimal: state resolution v1 breaks ties by it. */
export const sha1Hex = (text: string): string => hash("sha1", text, "hex")

/** `object` without those keys. */
export const without = (object: JsonObject, keys: readonly string[]): JsonObject => {
  const rest = newObject<JsonValue>()
  for (const key in object) if (!keys.includes(key)) rest[key] = object[key]!
  return rest
}

/** §Calculating the content hash for an event: unpadded base64. */
export const contentHash = (pdu: JsonObject): string =>
  hashText(canonicalJson(without(pdu, ["unsigned", "signatures", "hashes"])), "base64")

/** Whether the event is all that its content hash was made of: else it was redacted, or is no honest copy. */
export const isWhole = (pdu: JsonObject): boolean =>
  wholes.get(pdu) ?? wholes.keep(pdu, isJsonObject(pdu.hashes) && pdu.hashes.sha256 === contentHash(pdu))

/** Of a large room that is joined each event is asked for when it comes, and once more when its state is summed up. */
const wholes = new Recent<JsonObject, boolean>(4_096)

/** §Calculating the reference hash for an event. */
export const referenceHash = (pdu: JsonObject, version: RoomVersion): Uint8Array =>
  sha256(protectedText(pdu, version))

/** The same as unpadded base64. */
export const referenceHashText = (
  pdu: JsonObject,
  version: RoomVersion,
  alphabet: "base64" | "base64url",
): string => hashText(protectedText(pdu, version), alphabet)

/** For as long as a transaction's events are hashed first and then verified. */
const texts = new Recent<JsonObject, { readonly version: RoomVersion; readonly text: string }>(128)

/** Of an event that was hashed and then signed: it is whole, and its signatures are not covered by what they cover. */
export const noteSigned = (signed: JsonObject, hashed: JsonObject, version: RoomVersion): void => {
  wholes.keep(signed, true)
  texts.keep(signed, { version, text: protectedText(hashed, version) })
}

/**
 * What of an event its reference hash and its signatures cover, which is the same: its redacted form without
 * `signatures` and `unsigned`, as canonical JSON.
 */
export const protectedText = (pdu: JsonObject, version: RoomVersion): string => {
  const known = texts.get(pdu)
  if (known?.version === version) return known.text
  const text = canonicalJson(without(redact(pdu, version), ["signatures", "unsigned"]))
  texts.keep(pdu, { version, text })
  return text
}
