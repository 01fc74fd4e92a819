/**
 * Keys that others use to begin an encrypted session with a device: each one-time key once, and a fallback key where
 * there is none left (server-server API §End-to-End Encryption; client-server API §One-time and fallback keys).
 */
import { Context, Effect, Layer } from "effect"
import { encodeBase64 } from "../../core/base64.ts"
import { sha256 } from "../../core/hash.ts"
import { domainOf } from "../../core/identifiers.ts"
import { canonicalJson, compareCodePoints } from "../../core/json/encode.ts"
import { isJsonObject, type JsonObject, type JsonValue } from "../../core/json/value.ts"
import { Changes } from "../../homeserver/changes.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { Signatures } from "../../homeserver/signatures/signatures.ts"
import { EventStore, type RecordWrite, type StoreFailure } from "../../store/event-store.ts"
import { FederationClient } from "../client.ts"
import { deviceSigningKey, isSignedBy, memberOf } from "../devices/device-keys.ts"
import { LocalDevices } from "../devices/local-devices.ts"
import { forbidden, invalidParameter, invalidSignature, type MatrixError, notFound } from "../matrix-error.ts"
import { askAll, byServer, type Failures } from "./by-server.ts"

const oneTimeCollection = "one-time-keys"
const fallbackCollection = "fallback-keys"

/** By user, by device: an algorithm. */
export type Claim = Readonly<Record<string, Readonly<Record<string, string>>>>
/** By user, by device: `{<algorithm>:<key id>: key}`. */
export type Claimed = Record<string, Record<string, JsonObject>>

/** A one-time key under its id; one that was given away leaves its digest, so that it is not taken for a new one. */
type Held = { readonly key: JsonValue; readonly upload: number } | { readonly given: string }

interface Fallback {
  /** `<algorithm>:<key id>`. */
  readonly keyId: string
  readonly key: JsonValue
  readonly isUsed: boolean
}

interface DeviceStock {
  readonly oneTime: Map<string, Held>
  /** By algorithm. */
  readonly fallback: Map<string, Fallback>
}

export class OneTimeKeys extends Context.Service<
  OneTimeKeys,
  {
    /**
     * `one_time_keys` and `fallback_keys` of `POST /keys/upload`; gives how many one-time keys there are now, by
     * algorithm. A key that is there already, or was given away, is passed over. 404 where there is no such device,
     * 400 M_INVALID_PARAM for what is no key and for another key under an id that is taken, M_INVALID_SIGNATURE for
     * one that must be signed by its device and is not.
     */
    readonly upload: (
      userId: string,
      deviceId: string,
      keys: { readonly oneTimeKeys?: JsonObject; readonly fallbackKeys?: JsonObject },
    ) => Effect.Effect<Readonly<Record<string, number>>, MatrixError | StoreFailure>
    /** How many one-time keys a device has left, by algorithm. */
    readonly counts: (userId: string, deviceId: string) => Readonly<Record<string, number>>
    /** The algorithms of which a device has a fallback key that was given to nobody yet. */
    readonly unusedFallbacks: (userId: string, deviceId: string) => readonly string[]
    /** Takes keys of this server's users: in the order of uploading, gone for good before they are told. */
    readonly claimLocal: (claim: Claim) => Effect.Effect<Claimed, StoreFailure>
    /** `POST /keys/claim`: keys of any users, each asked of its own server, which has 10 s unless it says otherwise. */
    readonly claim: (
      claim: Claim,
      timeoutMs?: number,
    ) => Effect.Effect<{ readonly one_time_keys: Claimed; readonly failures: Failures }, StoreFailure>
  }
>()("netsplit/OneTimeKeys") {
  /** Takes up what the store keeps. */
  static readonly layer = Layer.effect(
    OneTimeKeys,
    Effect.gen(function* () {
      const store = yield* EventStore
      const client = yield* FederationClient
      const devices = yield* LocalDevices
      const changes = yield* Changes
      const { verify } = yield* Signatures
      const { serverName } = yield* ServerIdentity
      const stocks = new Map<string, DeviceStock>()

      const stockOf = (userId: string, deviceId: string): DeviceStock => {
        const key = JSON.stringify([userId, deviceId])
        const known = stocks.get(key)
        if (known !== undefined) return known
        const made = { oneTime: new Map<string, Held>(), fallback: new Map<string, Fallback>() }
        stocks.set(key, made)
        return made
      }
      const partsOf = (key: string): readonly [string, string, string] => JSON.parse(key)
      for (const [key, held] of yield* store.records(oneTimeCollection)) {
        const [userId, deviceId, keyId] = partsOf(key)
        stockOf(userId, deviceId).oneTime.set(keyId, held as unknown as Held)
      }
      for (const [key, fallback] of yield* store.records(fallbackCollection)) {
        const [userId, deviceId, algorithm] = partsOf(key)
        stockOf(userId, deviceId).fallback.set(algorithm, fallback as unknown as Fallback)
      }

      const recordOf = (
        collection: string,
        userId: string,
        deviceId: string,
        name: string,
        value: Held | Fallback | null,
      ): RecordWrite => ({
        collection,
        key: JSON.stringify([userId, deviceId, name]),
        value: value as unknown as JsonValue,
      })

      devices.addBelongings((userId, deviceId) => {
        const key = JSON.stringify([userId, deviceId])
        const stock = stocks.get(key)
        const gone = (collection: string, names: Iterable<string>) =>
          [...names].map((name) => recordOf(collection, userId, deviceId, name, null))
        return {
          records: [
            ...gone(oneTimeCollection, stock?.oneTime.keys() ?? []),
            ...gone(fallbackCollection, stock?.fallback.keys() ?? []),
          ],
          forget: () => void stocks.delete(key),
        }
      })

      const countsOf = (userId: string, deviceId: string): Readonly<Record<string, number>> => {
        const counts: Record<string, number> = {}
        for (const [keyId, held] of stocks.get(JSON.stringify([userId, deviceId]))?.oneTime ?? []) {
          if ("given" in held) continue
          counts[algorithmOf(keyId)] = (counts[algorithmOf(keyId)] ?? 0) + 1
        }
        return counts
      }

      /** Why `keys` cannot be keys of that device. */
      const problemIn = (
        userId: string,
        deviceId: string,
        identity: JsonObject | undefined,
        keys: JsonObject,
      ): MatrixError | undefined => {
        const signer = identity === undefined ? undefined : deviceSigningKey(identity, deviceId)
        for (const [keyId, key] of Object.entries(keys)) {
          if (!/^[^:]+:[^:]+$/.test(keyId)) return invalidParameter(`${keyId} names no algorithm and key`)
          if (typeof key === "string" && algorithmOf(keyId) !== "signed_curve25519") continue
          if (!isJsonObject(key) || typeof key.key !== "string" || !isJsonObject(key.signatures))
            return invalidParameter(`${keyId} is no key of that algorithm`)
          // Client-server API §One-time and fallback keys: signed by the device's Ed25519 key.
          if (signer === undefined || !isSignedBy(key, userId, signer, verify))
            return invalidSignature(`device ${deviceId} has not signed ${keyId}`)
        }
        return undefined
      }

      const upload: OneTimeKeys["Service"]["upload"] = Effect.fnUntraced(
        function* (userId, deviceId, { oneTimeKeys = {}, fallbackKeys = {} }) {
          if (domainOf(userId) !== serverName)
            return yield* forbidden(`${userId} is not a user of ${serverName}`)
          const device = memberOf(devices.listOf(userId)?.devices ?? {}, deviceId)
          if (device === undefined) return yield* notFound(`${userId} has no device ${deviceId}`)
          for (const keys of [oneTimeKeys, fallbackKeys]) {
            const problem = problemIn(userId, deviceId, device.keys, keys)
            if (problem !== undefined) return yield* problem
          }
          const stock = stockOf(userId, deviceId)
          const upload = Math.max(0, ...[...stock.oneTime.values()].map(uploadOf)) + 1
          const oneTime: [string, Held][] = []
          for (const [keyId, key] of Object.entries(oneTimeKeys)) {
            const held = stock.oneTime.get(keyId)
            const isSame = held !== undefined && digestOf("given" in held ? held : held.key) === digestOf(key)
            if (isSame) continue
            if (held !== undefined && !("given" in held))
              return yield* invalidParameter(`another key ${keyId} is there already`)
            oneTime.push([keyId, { key, upload }])
          }
          const fallback: [string, Fallback][] = []
          for (const [keyId, key] of Object.entries(fallbackKeys)) {
            const algorithm = algorithmOf(keyId)
            if (fallback.some(([other]) => other === algorithm))
              return yield* invalidParameter(`there can be one fallback key of ${algorithm}`)
            const held = stock.fallback.get(algorithm)
            const isSame = held?.keyId === keyId && digestOf(held.key) === digestOf(key)
            if (!isSame) fallback.push([algorithm, { keyId, key, isUsed: false }])
          }
          yield* store.commit({
            records: [
              ...oneTime.map(([keyId, held]) => recordOf(oneTimeCollection, userId, deviceId, keyId, held)),
              ...fallback.map(([name, held]) => recordOf(fallbackCollection, userId, deviceId, name, held)),
            ],
          })
          for (const [keyId, held] of oneTime) stock.oneTime.set(keyId, held)
          for (const [algorithm, held] of fallback) stock.fallback.set(algorithm, held)
          if (oneTime.length + fallback.length > 0) changes.note("oneTimeKeys", userId, deviceId)
          return countsOf(userId, deviceId)
        },
        (effect) => devices.whileWriting(effect),
      )

      /** What one device gives: the key, and what its giving changes. */
      const take = (stock: DeviceStock, algorithm: string) => {
        const oldest = [...stock.oneTime]
          .filter(([keyId, held]) => algorithmOf(keyId) === algorithm && !("given" in held))
          .sort(([a, one], [b, other]) => uploadOf(one) - uploadOf(other) || compareCodePoints(a, b))[0]
        if (oldest !== undefined && "key" in oldest[1]) {
          const [keyId, { key }] = oldest
          return { keyId, key, oneTime: { given: digestOf(key) } }
        }
        const fallback = stock.fallback.get(algorithm)
        return fallback === undefined ? undefined : { ...fallback, oneTime: undefined }
      }

      const claimLocal = Effect.fnUntraced(
        function* (claim: Claim) {
          const claimed: Claimed = {}
          const records: RecordWrite[] = []
          const whenKept: (() => void)[] = []
          for (const [userId, wanted] of Object.entries(claim)) {
            for (const [deviceId, algorithm] of Object.entries(wanted)) {
              const stock = stocks.get(JSON.stringify([userId, deviceId]))
              const taken = stock === undefined ? undefined : take(stock, algorithm)
              if (stock === undefined || taken === undefined) continue
              const { keyId, key, oneTime } = taken
              claimed[userId] = { ...claimed[userId], [deviceId]: { [keyId]: key } }
              if (oneTime !== undefined) {
                records.push(recordOf(oneTimeCollection, userId, deviceId, keyId, oneTime))
                whenKept.push(() => stock.oneTime.set(keyId, oneTime))
              } else if (!taken.isUsed) {
                const used = { keyId, key, isUsed: true }
                records.push(recordOf(fallbackCollection, userId, deviceId, algorithm, used))
                whenKept.push(() => stock.fallback.set(algorithm, used))
              }
              whenKept.push(() => changes.note("oneTimeKeys", userId, deviceId))
            }
          }
          if (records.length > 0) yield* store.commit({ records })
          for (const apply of whenKept) apply()
          return claimed
        },
        (effect) => devices.whileWriting(effect),
      )

      return OneTimeKeys.of({
        upload,
        counts: countsOf,
        unusedFallbacks: (userId, deviceId) =>
          [...(stocks.get(JSON.stringify([userId, deviceId]))?.fallback ?? [])]
            .filter(([, { isUsed }]) => !isUsed)
            .map(([algorithm]) => algorithm)
            .sort(compareCodePoints),
        claimLocal,
        claim: Effect.fnUntraced(function* (claim, timeoutMs) {
          const servers = new Map(byServer(claim))
          const claimed = yield* claimLocal(servers.get(serverName) ?? {})
          servers.delete(serverName)
          const failures = yield* askAll(
            servers,
            (server, asked) =>
              Effect.map(
                client.call(server, (api) => api.encryption.claimKeys({ payload: { one_time_keys: asked } })),
                (answer) => void Object.assign(claimed, claimedOf(asked, answer.one_time_keys)),
              ),
            timeoutMs,
          )
          return { one_time_keys: claimed, failures }
        }),
      })
    }),
  )
}

const algorithmOf = (keyId: string): string => keyId.slice(0, keyId.indexOf(":"))

const uploadOf = (held: Held): number => ("given" in held ? 0 : held.upload)

/** Tells keys apart, whether they are still there or not. */
const digestOf = (key: JsonValue | { readonly given: string }): string =>
  isJsonObject(key as JsonValue) && "given" in (key as JsonObject)
    ? String((key as JsonObject).given)
    : encodeBase64(sha256(canonicalJson(key as JsonValue)))

/** Of what a server answered, what it was asked for. */
const claimedOf = (asked: Claim, answer: Readonly<Record<string, JsonObject>>): Claimed => {
  const claimed: Claimed = {}
  for (const [userId, wanted] of Object.entries(asked)) {
    for (const [deviceId, algorithm] of Object.entries(wanted)) {
      const keys = memberOf(memberOf(answer, userId) ?? {}, deviceId)
      const [entry] = isJsonObject(keys)
        ? Object.entries(keys).filter(([keyId]) => algorithmOf(keyId) === algorithm)
        : []
      if (entry === undefined) continue
      claimed[userId] = { ...claimed[userId], [deviceId]: { [entry[0]]: entry[1] } }
    }
  }
  return claimed
}
