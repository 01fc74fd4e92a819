/** The keys of one other server that this one has seen, and what each is good for. */
import { decodeBase64, encodeBase64 } from "../core/base64.ts"
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json/value.ts"
import { keyValidityMsMax } from "../core/limits.ts"
import type { Readings } from "../core/readings.ts"
import { Recent } from "../core/recent.ts"
import type { ServerKeys } from "./server-keys.ts"

/** What bounds the use of keys, as this server reads it. */
export type KeyReadings = Pick<Readings, "keyValidityClamp" | "expiredKeysBefore5">

/** So many keys of a server are known: it may name others each time that it is asked. */
const keysMax = 1_000

/** Who says so: the server itself, or a notary that vouches for what the server once said. */
export type Teller = "itself" | "notary"

/** As it is kept, too: of a thousand servers each knows the keys of all others. */
type KnownKey = {
  /** In unpadded base64. */
  readonly key: string
  /** The `valid_until_ts` with which it was last told as a current key. */
  readonly validUntilTs: number
  /** When that was heard. */
  readonly heardTs: number
  /** When its server ceased to sign with it, where that is known. */
  readonly expiredTs?: number
  /** Whether it was told last as a current key: the only ones that are good for requests. */
  readonly isCurrent: boolean
  readonly toldBy: Teller
}

type KeysById = { readonly [keyId: string]: KnownKey }

/**
 * One server's keys, by id. A key id stands for the first key that was seen under it: as with Synapse and
 * Dendrite, a server that uses an id again for another key is not believed. What the server says itself stands
 * above what notaries say of it: they add keys that it did not name, and keys that are newer than its last word.
 */
export class KnownKeys {
  readonly #readings: KeyReadings
  /** In the order in which they were first seen. Never changed, but replaced: it is kept so. */
  #keys: KeysById = {}
  /** Until when the server's own last word was to hold, if it ever said one. */
  #ownWordUntilTs: number | undefined

  constructor(readings: KeyReadings) {
    this.#readings = readings
  }

  /** Takes in what the server published, heard at `nowMs`. Keys that it no longer names stay good for what they were. */
  learn({ validUntilTs, verifyKeys, oldVerifyKeys }: ServerKeys, toldBy: Teller, nowMs: number): void {
    const isLastWord = toldBy === "itself" || validUntilTs >= (this.#ownWordUntilTs ?? validUntilTs)
    const keys = new Map(Object.entries(this.#keys))
    if (toldBy === "itself") {
      this.#ownWordUntilTs = validUntilTs
      for (const [keyId, known] of keys) {
        if (!verifyKeys.has(keyId)) keys.set(keyId, { ...known, isCurrent: false })
      }
    }
    for (const [keyId, publicKey] of verifyKeys) {
      const key = textOf(publicKey)
      bind(keys, keyId, { heardTs: nowMs, isCurrent: isLastWord, key, toldBy, validUntilTs })
    }
    for (const [keyId, { publicKey, expiredTs }] of oldVerifyKeys) {
      if (verifyKeys.has(keyId)) continue
      const key = textOf(publicKey)
      bind(keys, keyId, {
        ...{ key, validUntilTs: expiredTs, heardTs: nowMs, isCurrent: false, toldBy },
        expiredTs,
      })
    }
    this.#keys = keysById(keys)
  }

  /** The key, if it may prove requests at `nowMs`. */
  forRequest(keyId: string, nowMs: number): Uint8Array | undefined {
    const known = keyIn(this.#keys, keyId)
    return known?.isCurrent && goodUntilTs(known, this.#readings, nowMs) >= nowMs
      ? bytesOf(known.key)
      : undefined
  }

  /**
   * The key, if it may prove events of that time: it had not expired by then (server-server API §Validating hashes
   * and signatures), and from room version 5 on its validity reaches so far (§Signing key validity period).
   */
  forEvent(
    keyId: string,
    originServerTs: number | bigint,
    keyValidity: "ignored" | "enforced",
    nowMs: number,
  ): Uint8Array | undefined {
    const known = keyIn(this.#keys, keyId)
    if (known === undefined) return undefined
    const { expiredTs, key } = known
    if (keyValidity === "enforced") {
      return goodUntilTs(known, this.#readings, nowMs) >= originServerTs ? bytesOf(key) : undefined
    }
    const isLate = expiredTs !== undefined && expiredTs < originServerTs
    return isLate && this.#readings.expiredKeysBefore5 === "ignored" ? undefined : bytesOf(key)
  }

  /** Whether the key has been seen at all. */
  has(keyId: string): boolean {
    return keyIn(this.#keys, keyId) !== undefined
  }

  /** Whether the server might say more of the key than is known: it is unknown, or current and running out. */
  mayChange(keyId: string): boolean {
    const known = keyIn(this.#keys, keyId)
    return known === undefined || known.isCurrent
  }

  /**
   * All that is known, to be kept, beside what was given last: in canonical order, and no larger than it is, for of a
   * thousand servers each keeps that of all.
   */
  toJson(given?: JsonObject): JsonObject {
    const [keys, ownWordUntilTs] = [this.#keys, this.#ownWordUntilTs]
    if (ownWordUntilTs !== undefined && Number.isFinite(ownWordUntilTs)) {
      return given === undefined ? { keys, ownWordUntilTs } : { given, keys, ownWordUntilTs }
    }
    return given === undefined ? { keys } : { given, keys }
  }

  /** What `toJson` gave. */
  static fromJson(kept: JsonObject, readings: KeyReadings): KnownKeys {
    const known = new KnownKeys(readings)
    if (typeof kept.ownWordUntilTs === "number") known.#ownWordUntilTs = kept.ownWordUntilTs
    const keys = new Map<string, KnownKey>()
    for (const [keyId, entry] of Object.entries(isJsonObject(kept.keys) ? kept.keys : {})) {
      const key = readKept(entry)
      if (key !== undefined) keys.set(keyId, key)
    }
    known.#keys = keysById(keys)
    return known
  }
}

/** Of more than may be known the one goes that was seen first, of those that are not in use. */
const makeRoom = (keys: Map<string, KnownKey>): void => {
  if (keys.size < keysMax) return
  for (const [keyId, { isCurrent }] of keys) {
    if (isCurrent) continue
    keys.delete(keyId)
    return
  }
}

const bind = (keys: Map<string, KnownKey>, keyId: string, key: KnownKey): void => {
  const known = keys.get(keyId)
  if (known === undefined) {
    makeRoom(keys)
    keys.set(keyId, key)
    return
  }
  const isOwnWord = key.toldBy === "itself"
  if (known.key !== key.key) {
    if (isOwnWord && known.toldBy === "notary") keys.set(keyId, key)
    return
  }
  // A notary may not have heard yet that a key is no longer used.
  const isOutdated =
    known.expiredTs !== undefined || !known.isCurrent || known.validUntilTs >= key.validUntilTs
  if (!isOwnWord && key.expiredTs === undefined && isOutdated) return
  keys.set(keyId, isOwnWord ? key : { ...key, toldBy: known.toldBy })
}

/** Key ids are what others say: none is to be the name of what every object has. */
const keyIn = (keys: KeysById, keyId: string): KnownKey | undefined =>
  Object.hasOwn(keys, keyId) ? keys[keyId] : undefined

/** §Publishing Keys: the lesser of `valid_until_ts` and seven days into the future, as that is read. */
const goodUntilTs = (
  { validUntilTs, heardTs, expiredTs }: KnownKey,
  { keyValidityClamp }: KeyReadings,
  nowMs: number,
): number => {
  const clamp = expiredTs === undefined ? keyValidityClamp : "none"
  if (clamp === "none") return validUntilTs
  return Math.min(validUntilTs, (clamp === "when-heard" ? heardTs : nowMs) + keyValidityMsMax)
}

/** Most servers have one key: an object that is written with it has no room for others. */
const keysById = (keys: ReadonlyMap<string, KnownKey>): KeysById => {
  const [[keyId, key] = []] = keys
  return keys.size === 1 ? { [keyId!]: key! } : Object.fromEntries(keys)
}

/** Of key bytes that many virtual servers hold in common. */
const texts = new Recent<Uint8Array, string>(4_096)
const bytes = new Recent<string, Uint8Array>(4_096)

const textOf = (publicKey: Uint8Array): string => {
  const known = texts.get(publicKey)
  if (known !== undefined) return known
  const text = encodeBase64(publicKey)
  bytes.keep(text, publicKey)
  return texts.keep(publicKey, text)
}

const bytesOf = (key: string): Uint8Array => bytes.get(key) ?? bytes.keep(key, decodeBase64(key)!)

const readKept = (entry: JsonValue | undefined): KnownKey | undefined => {
  if (!isJsonObject(entry)) return undefined
  const publicKey = typeof entry.key === "string" ? decodeBase64(entry.key) : undefined
  const { validUntilTs, heardTs, expiredTs } = entry
  if (publicKey === undefined || typeof validUntilTs !== "number" || typeof heardTs !== "number")
    return undefined
  return {
    ...{ key: textOf(publicKey), validUntilTs, heardTs },
    isCurrent: entry.isCurrent === true,
    toldBy: entry.toldBy === "itself" ? "itself" : "notary",
    ...(typeof expiredTs === "number" ? { expiredTs } : {}),
  }
}
