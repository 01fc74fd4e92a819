/**
 * Who this server is: its name, and the keys that prove it. The key that signs can be changed while the server
 * runs; those that signed before are published as old ones from then on (server-server API §Publishing Keys).
 */
import { Clock, Context, Effect, Layer, Semaphore } from "effect"
import { decodeBase64, encodeBase64 } from "../core/base64.ts"
import { isJsonObject, type JsonValue } from "../core/json/value.ts"
import { EventStore, type StoreFailure } from "../store/event-store.ts"
import { Chance } from "./chance.ts"
import { Signatures } from "./signatures/signatures.ts"
import { makeSigningKey, type SigningKey } from "./signatures/signing-key.ts"

/** A key that signs no longer, but did. */
export interface OldKey {
  readonly keyId: string
  readonly publicKey: Uint8Array
  /** When it ceased to sign, in milliseconds since the epoch. */
  readonly expiredTs: number
}

/** A server's name and its keys at one moment. */
export interface Identity {
  /** The name before delegation. */
  readonly serverName: string
  /** The key that signs now. */
  readonly signingKey: SigningKey
  readonly oldKeys: readonly OldKey[]
  /** By which it recommends events where it is a policy server: not the one that signs (§Policy Servers). */
  readonly policyServerKey?: SigningKey
}

const collection = "signing-keys"

export class ServerIdentity extends Context.Service<
  ServerIdentity,
  /** Reads of `signingKey` and `oldKeys` give what holds now: do not keep them. */
  Identity & {
    /**
     * Signs with a new key from now on, and publishes the one before as an old one; gives the new one. A restart
     * finds it so. Where the store does not take it all stays as it was.
     */
    readonly rotateKey: Effect.Effect<SigningKey, StoreFailure>
  }
>()("netsplit/ServerIdentity") {
  /** That identity, unless the store keeps keys that came after. */
  static readonly layer = (given: Identity) =>
    Layer.effect(
      ServerIdentity,
      Effect.gen(function* () {
        const store = yield* EventStore
        const signatures = yield* Signatures
        const chance = yield* Chance
        const rotating = Semaphore.makeUnsafe(1)
        let { signingKey, oldKeys } = given

        const keepOld = ({ keyId, publicKey, expiredTs }: OldKey) => ({
          collection,
          key: keyId,
          value: { key: encodeBase64(publicKey), expired_ts: expiredTs },
        })

        /** From this instant on `key` signs. */
        const succeed = (key: SigningKey, nowMs: number): OldKey => {
          const old = { keyId: signingKey.keyId, publicKey: signingKey.publicKey, expiredTs: nowMs }
          oldKeys = [...oldKeys, old]
          signingKey = key
          return old
        }

        /**
         * The new key is kept before it signs anything; only then is it known when the old one ceased to. If a crash
         * comes in between, or the second half fails, two keys are kept that can sign: the next boot lets the newer
         * one succeed, at a time when the older surely no longer signs.
         */
        const rotate = Effect.gen(function* () {
          const nth = oldKeys.length + 2
          const label = Buffer.from(chance.bytes(4, "key-id", String(nth))).toString("hex")
          const keyId = `ed25519:${nth}_${label}`
          const key = makeSigningKey(signatures, keyId, chance.bytes(32, "signing-key", keyId))
          const value = { seed: encodeBase64(key.seed), nth }
          yield* store.commit({ records: [{ collection, key: keyId, value }] })
          const old = succeed(key, yield* Clock.currentTimeMillis)
          yield* Effect.ignore(store.commit({ records: [keepOld(old)] }))
          return key
        }).pipe(Effect.uninterruptible)

        const kept = yield* store.records(collection)
        const isKept = new Set(kept.map(([keyId]) => keyId))
        oldKeys = [...oldKeys.filter(({ keyId }) => !isKept.has(keyId)), ...kept.flatMap(readOld)]
        const able = kept.flatMap((record) => readAble(record)).sort((a, b) => a.nth - b.nth)
        for (const { keyId, seed } of able) {
          const key = makeSigningKey(signatures, keyId, seed)
          // The key that the server was set up with may be long since an old one.
          if (oldKeys.some((old) => old.keyId === signingKey.keyId)) signingKey = key
          else yield* store.commit({ records: [keepOld(succeed(key, yield* Clock.currentTimeMillis))] })
        }

        return {
          ...given,
          get signingKey() {
            return signingKey
          },
          get oldKeys() {
            return oldKeys
          },
          rotateKey: Semaphore.withPermits(rotating, 1)(rotate),
        }
      }),
    )
}

const readOld = ([keyId, value]: readonly [string, JsonValue]): readonly OldKey[] => {
  if (!isJsonObject(value) || typeof value.key !== "string") return []
  const publicKey = decodeBase64(value.key)
  const expiredTs = value.expired_ts
  return publicKey === undefined || typeof expiredTs !== "number" ? [] : [{ keyId, publicKey, expiredTs }]
}

/** A key that can sign still. */
const readAble = ([keyId, value]: readonly [string, JsonValue]) => {
  if (!isJsonObject(value) || typeof value.seed !== "string" || typeof value.nth !== "number") return []
  const seed = decodeBase64(value.seed)
  return seed === undefined ? [] : [{ keyId, seed, nth: value.nth }]
}
