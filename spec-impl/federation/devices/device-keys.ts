/** Device keys and cross-signing keys as their owners make them (client-server API §Device keys, §Cross-signing). */
import { decodeBase64 } from "../../core/base64.ts"
import { without } from "../../core/hash.ts"
import { canonicalJson } from "../../core/json/encode.ts"
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../core/json/value.ts"
import { jsonSignatureChecks } from "../../core/signing.ts"
import type { SignatureFunctions } from "../../homeserver/signatures/signatures.ts"

type Verify = SignatureFunctions["verify"]

export type CrossSigningUsage = "master" | "self_signing" | "user_signing"

/** A cross-signing key, read. */
export interface CrossSigningKey {
  /** As it was uploaded, with the signatures that everybody may see. */
  readonly json: JsonObject
  /** `ed25519:<public key>`. */
  readonly keyId: string
  readonly publicKey: Uint8Array
}

/** What stands under `key` in the object itself; device ids may be any words, `__proto__` too. */
export const memberOf = <A>(object: Readonly<Record<string, A>>, key: string): A | undefined =>
  Object.hasOwn(object, key) ? object[key] : undefined

/** What a signature covers: two objects are the same but for their signatures if this is equal. */
const signedBody = (object: JsonObject): string => canonicalJson(without(object, ["signatures", "unsigned"]))

/** Whether both are the same key or device, whoever has signed them. */
export const isSameKey = (one: JsonObject, other: JsonObject): boolean =>
  signedBody(one) === signedBody(other)

/** The user's own signatures on its key or device. */
export const signaturesBy = (object: JsonObject, userId: string): JsonObject => {
  const { signatures } = object
  const own = isJsonObject(signatures) ? memberOf(signatures, userId) : undefined
  return isJsonObject(own) ? own : {}
}

/**
 * The object with those signatures of its owner alone: what others have signed is theirs to know
 * (client-server API §Key and signature security), and `unsigned` is of no one.
 */
export const withOwnSignatures = (object: JsonObject, userId: string, signatures: JsonObject): JsonObject => {
  const bare = without(object, ["signatures", "unsigned"])
  return Object.keys(signatures).length === 0 ? bare : { ...bare, signatures: { [userId]: signatures } }
}

/** Keeps the signatures that were there on what is uploaded again, where it is the same. */
export const mergedWith = (before: JsonObject | undefined, now: JsonObject, userId: string): JsonObject =>
  withOwnSignatures(now, userId, {
    ...(before !== undefined && isSameKey(before, now) ? signaturesBy(before, userId) : {}),
    ...signaturesBy(now, userId),
  })

/** Whether `userId` has signed with that key. */
export const isSignedBy = (
  object: JsonObject,
  userId: string,
  { keyId, publicKey }: Pick<CrossSigningKey, "keyId" | "publicKey">,
  verify: Verify,
): boolean => {
  const check = jsonSignatureChecks(object, userId).find((found) => found.keyId === keyId)
  return check !== undefined && verify(publicKey, check.message, check.signature)
}

/** The identity keys of that device of that user, without what others added; undefined for anything else. */
export const readDeviceKeys = (
  value: JsonValue | undefined,
  userId: string,
  deviceId: string,
): JsonObject | undefined => {
  if (!isJsonObject(value) || value.user_id !== userId || value.device_id !== deviceId) return undefined
  const { algorithms, keys } = value
  if (!isJsonArray(algorithms) || !algorithms.every((name) => typeof name === "string")) return undefined
  if (!isJsonObject(keys) || !Object.values(keys).every((key) => typeof key === "string")) return undefined
  if (!isJsonObject(value.signatures)) return undefined
  return withOwnSignatures(value, userId, signaturesBy(value, userId))
}

/** The Ed25519 key by which a device signs; undefined where its keys hold none of 32 bytes. */
export const deviceSigningKey = (
  deviceKeys: JsonObject,
  deviceId: string,
): Pick<CrossSigningKey, "keyId" | "publicKey"> | undefined => {
  const keyId = `ed25519:${deviceId}`
  const { keys } = deviceKeys
  const text = isJsonObject(keys) ? memberOf(keys, keyId) : undefined
  const publicKey = typeof text === "string" ? decodeBase64(text) : undefined
  return publicKey?.length === 32 ? { keyId, publicKey } : undefined
}

/** A cross-signing key of that user for that use: exactly one Ed25519 key, named by itself. */
export const readCrossSigningKey = (
  value: JsonValue | undefined,
  userId: string,
  usage: CrossSigningUsage,
): CrossSigningKey | undefined => {
  if (!isJsonObject(value) || value.user_id !== userId) return undefined
  if (!isJsonArray(value.usage) || !value.usage.includes(usage)) return undefined
  const [entry, ...others] = isJsonObject(value.keys) ? Object.entries(value.keys) : []
  if (entry === undefined || others.length > 0) return undefined
  const [keyId, text] = entry
  const publicKey = typeof text === "string" ? decodeBase64(text) : undefined
  if (publicKey?.length !== 32 || keyId !== `ed25519:${String(text)}`) return undefined
  return { json: withOwnSignatures(value, userId, signaturesBy(value, userId)), keyId, publicKey }
}

/**
 * The public cross-signing keys that another server tells of its user: the self-signing key counts only where the
 * master key has signed it (client-server API §Cross-signing). Undefined where what is given cannot be true.
 */
export const readTrustRoot = (
  given: { readonly master: JsonValue | undefined; readonly selfSigning: JsonValue | undefined },
  userId: string,
  verify: Verify,
): { readonly masterKey?: JsonObject; readonly selfSigningKey?: JsonObject } | undefined => {
  if (given.master === undefined) return given.selfSigning === undefined ? {} : undefined
  const master = readCrossSigningKey(given.master, userId, "master")
  if (master === undefined) return undefined
  if (given.selfSigning === undefined) return { masterKey: master.json }
  const selfSigning = readCrossSigningKey(given.selfSigning, userId, "self_signing")
  if (selfSigning === undefined || !isSignedBy(selfSigning.json, userId, master, verify)) return undefined
  return { masterKey: master.json, selfSigningKey: selfSigning.json }
}
