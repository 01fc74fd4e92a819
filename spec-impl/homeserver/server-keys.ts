/**
 * The object in which a server publishes its keys, written and read
 * (server-server API §Publishing Keys; appendices §Signing JSON).
 */
import { decodeBase64, encodeBase64 } from "../core/base64.ts"
import { canonicalJson } from "../core/json/encode.ts"
import { isJsonObject, type JsonObject } from "../core/json/value.ts"
import { Recent } from "../core/recent.ts"
import { jsonSignatureChecks, type SignatureCheck, signingBytes, signJson } from "../core/signing.ts"
import type { Identity } from "./identity.ts"
import type { Signatures } from "./signatures/signatures.ts"

/** What one server said of its keys, as far as it is believed. */
export interface ServerKeys {
  /** Until when it says that its current keys are good. */
  readonly validUntilTs: number
  /** Good for requests and events, by key id. */
  readonly verifyKeys: ReadonlyMap<string, Uint8Array>
  /** Good for events up to when they expired, by key id. */
  readonly oldVerifyKeys: ReadonlyMap<string, { readonly publicKey: Uint8Array; readonly expiredTs: number }>
}

/** The keys of `identity`, good until `validUntilTs`, signed with the current one. */
export const publishedKeys = (
  { serverName, signingKey, oldKeys }: Identity,
  validUntilTs: number,
  signatures: Signatures["Service"],
): JsonObject => {
  // In canonical order: whoever keeps them need not sort them.
  const unsigned = {
    old_verify_keys: Object.fromEntries(
      oldKeys.map(({ keyId, publicKey, expiredTs }) => [
        keyId,
        { expired_ts: expiredTs, key: encodeBase64(publicKey) },
      ]),
    ),
    server_name: serverName,
    signatures: {},
    valid_until_ts: validUntilTs,
    verify_keys: { [signingKey.keyId]: { key: encodeBase64(signingKey.publicKey) } },
  }
  return signJson(unsigned, serverName, signingKey.keyId, (message) =>
    signatures.sign(signingKey.seed, message),
  )
}

const keyIdForm = /^ed25519:[a-zA-Z0-9_]+$/

/**
 * What `answer`, as `serverName` is to have published it, says of its keys; or what is wrong with it. It must be
 * signed with each of the current keys; keys of other algorithms are passed over.
 */
export const readServerKeys = (
  answer: JsonObject,
  serverName: string,
  signatures: Signatures["Service"],
): ReadKeys => {
  const known = readings.get(answer)
  if (known?.serverName === serverName && known.signatures === signatures) return known.read
  const read = readAnew(answer, serverName, signatures)
  readings.keep(answer, { serverName, signatures, read })
  return read
}

type ReadKeys = { readonly keys: ServerKeys } | { readonly problem: string }

/** As they were read last, by the very object that they were read from: virtual servers get one and the same. */
const readings = new Recent<
  JsonObject,
  { readonly serverName: string; readonly signatures: Signatures["Service"]; readonly read: ReadKeys }
>()

/** The signatures by which `notary` vouches for a server's keys (§Querying Keys Through Another Server). */
export const vouchingChecks = (keys: JsonObject, notary: string): readonly SignatureCheck[] => {
  const known = vouched.get(keys)
  if (known?.notary === notary) return known.checks
  const checks = jsonSignatureChecks(keys, notary)
  vouched.keep(keys, { notary, checks })
  return checks
}

const vouched = new Recent<
  JsonObject,
  { readonly notary: string; readonly checks: readonly SignatureCheck[] }
>()

/** Hundreds of keys fit in. Each is verified, and all are kept: whoever publishes more is not believed. */
const charactersMax = 65_536

const readAnew = (answer: JsonObject, serverName: string, signatures: Signatures["Service"]): ReadKeys => {
  if (answer.server_name !== serverName) return { problem: "the keys are of another server" }
  if (canonicalJson(answer).length > charactersMax) return { problem: "there are too many keys" }
  const { valid_until_ts: validUntilTs, verify_keys: current, old_verify_keys: old } = answer
  if (typeof validUntilTs !== "number") return { problem: "valid_until_ts is not a timestamp" }
  if (!isJsonObject(current)) return { problem: "verify_keys is not an object" }
  const signed = isJsonObject(answer.signatures) ? answer.signatures[serverName] : undefined
  const message = signingBytes(answer)
  const verifyKeys = new Map<string, Uint8Array>()
  for (const [keyId, entry] of Object.entries(current)) {
    if (!keyIdForm.test(keyId)) continue
    const publicKey = readKey(entry)
    const signature = bytesOf(isJsonObject(signed) ? signed[keyId] : undefined)
    if (publicKey === undefined) return { problem: `${keyId} is not a public key` }
    if (signature === undefined || !signatures.verify(publicKey, message, signature)) {
      return { problem: `${keyId} has not signed them` }
    }
    verifyKeys.set(keyId, publicKey)
  }
  if (verifyKeys.size === 0) return { problem: "there is no Ed25519 key" }
  return {
    keys: {
      validUntilTs,
      verifyKeys,
      oldVerifyKeys: readOldKeys(isJsonObject(old) ? old : {}),
    },
  }
}

const readOldKeys = (old: JsonObject): ServerKeys["oldVerifyKeys"] => {
  const keys = new Map<string, { publicKey: Uint8Array; expiredTs: number }>()
  for (const [keyId, entry] of Object.entries(old)) {
    const publicKey = readKey(entry)
    const expiredTs = isJsonObject(entry) ? entry.expired_ts : undefined
    if (keyIdForm.test(keyId) && publicKey !== undefined && typeof expiredTs === "number") {
      keys.set(keyId, { publicKey, expiredTs })
    }
  }
  return keys
}

const readKey = (entry: JsonObject[string] | undefined): Uint8Array | undefined => {
  const publicKey = isJsonObject(entry) ? bytesOf(entry.key) : undefined
  return publicKey?.length === 32 ? publicKey : undefined
}

const bytesOf = (text: JsonObject[string] | undefined): Uint8Array | undefined =>
  typeof text === "string" ? decodeBase64(text) : undefined
