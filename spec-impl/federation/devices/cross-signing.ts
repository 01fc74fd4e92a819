/** Keys by which users vouch for their devices and for each other (client-server API §Cross-signing). */
import { Context, Effect, Layer } from "effect"
import { canonicalJson } from "../../core/json/encode.ts"
import { isJsonObject, type JsonObject, type JsonValue } from "../../core/json/value.ts"
import { Signatures } from "../../homeserver/signatures/signatures.ts"
import { EventStore, type StoreFailure } from "../../store/event-store.ts"
import {
  forbidden,
  invalidParameter,
  invalidSignature,
  type MatrixError,
  missingParameter,
  notFound,
} from "../matrix-error.ts"
import {
  type CrossSigningKey,
  type CrossSigningUsage,
  deviceSigningKey,
  isSameKey,
  isSignedBy,
  memberOf,
  mergedWith,
  readCrossSigningKey,
  signaturesBy,
  withOwnSignatures,
} from "./device-keys.ts"
import { LocalDevices } from "./local-devices.ts"
import type { OwnList } from "./own-list.ts"
import { RemoteDevices } from "./remote-devices.ts"

/** What users have signed of other users' keys: for the signer alone. */
const collection = "user-signatures"

/** `failures` of `POST /keys/signatures/upload`: by user and key, a standard error. */
export type SignatureFailures = Record<string, Record<string, JsonObject>>

type Act<A> = Effect.Effect<A, MatrixError | StoreFailure>

export class CrossSigning extends Context.Service<
  CrossSigning,
  {
    /**
     * `POST /keys/device_signing/upload`: `master_key`, `self_signing_key` and `user_signing_key`, each optional.
     * 400 M_MISSING_PARAM without any master key, M_INVALID_PARAM for what is no such key, M_INVALID_SIGNATURE where
     * the master key has not signed it, 403 where a device has its id. That the user proves who it is comes before.
     */
    readonly uploadKeys: (userId: string, keys: JsonObject) => Act<void>
    /**
     * `POST /keys/signatures/upload`: by user and key id, the object with the new signatures. Gives what failed.
     * Other servers are told of the user's own signatures; those on another user's master key stay here.
     */
    readonly uploadSignatures: (userId: string, signed: JsonObject) => Act<SignatureFailures>
    /** What `signer`, of this server, has signed of `userId`'s master key. */
    readonly signaturesOn: (signer: string, userId: string, masterKey: JsonObject) => JsonObject
  }
>()("netsplit/CrossSigning") {
  /** Takes up what the store keeps. */
  static readonly layer = Layer.effect(
    CrossSigning,
    Effect.gen(function* () {
      const store = yield* EventStore
      const local = yield* LocalDevices
      const remote = yield* RemoteDevices
      const { verify } = yield* Signatures
      const vouched = new Map<string, JsonObject>()
      for (const [key, signed] of yield* store.records(collection)) {
        if (isJsonObject(signed)) vouched.set(key, signed)
      }

      const keyFor = (userId: string, usage: CrossSigningUsage, given: JsonValue | undefined) => {
        if (given === undefined) return Effect.undefined
        const key = readCrossSigningKey(given, userId, usage)
        return key === undefined
          ? Effect.fail(invalidParameter(`this is no ${usage} key of ${userId}`))
          : Effect.succeed(key)
      }

      /** The list with those keys; what the master key has not signed any more goes. */
      const withKeys = Effect.fnUntraced(function* (userId: string, list: OwnList, keys: JsonObject) {
        const given = yield* Effect.all([
          keyFor(userId, "self_signing", keys.self_signing_key),
          keyFor(userId, "user_signing", keys.user_signing_key),
        ])
        const master =
          (yield* keyFor(userId, "master", keys.master_key)) ??
          readCrossSigningKey(list.masterKey, userId, "master")
        if (master === undefined) return yield* missingParameter("there is no master key")
        for (const key of [...given, master]) {
          if (key === undefined) continue
          if (key !== master && !isSignedBy(key.json, userId, master, verify))
            return yield* invalidSignature("the master key has not signed this key")
          if (memberOf(list.devices, key.keyId.slice("ed25519:".length)) !== undefined)
            return yield* forbidden("a device of the user has that id")
        }
        const stillSigned = (key: JsonObject | undefined) =>
          key !== undefined && isSignedBy(key, userId, master, verify) ? key : undefined
        const [selfSigning, userSigning] = given
        const selfSigningKey = selfSigning?.json ?? stillSigned(list.selfSigningKey)
        const userSigningKey = userSigning?.json ?? stillSigned(list.userSigningKey)
        const { selfSigningKey: _, userSigningKey: __, ...others } = list
        return {
          ...others,
          masterKey: mergedWith(list.masterKey, master.json, userId),
          ...(selfSigningKey === undefined ? {} : { selfSigningKey }),
          ...(userSigningKey === undefined ? {} : { userSigningKey }),
        } satisfies OwnList
      })

      /** The keys that may sign `target` for its owner: of a device the self-signing key, of the master key any device. */
      const signersOf = (userId: string, list: OwnList, keyId: string) => {
        const device = memberOf(list.devices, keyId)?.keys
        if (device !== undefined) {
          const signer = readCrossSigningKey(list.selfSigningKey, userId, "self_signing")
          return { target: device, signers: signer === undefined ? [] : [signer] }
        }
        const master = readCrossSigningKey(list.masterKey, userId, "master")
        if (master?.keyId !== `ed25519:${keyId}`) return undefined
        const signers = Object.entries(list.devices).flatMap(([deviceId, { keys }]) =>
          keys === undefined ? [] : (deviceSigningKey(keys, deviceId) ?? []),
        )
        return { target: master.json, signers }
      }

      /** `target` with the good signatures on `given`; or why there are none. */
      const signed = (
        target: JsonObject,
        given: JsonValue,
        userId: string,
        signers: readonly Pick<CrossSigningKey, "keyId" | "publicKey">[],
      ): { readonly signatures: JsonObject } | MatrixError => {
        if (!isJsonObject(given) || !isSameKey(target, given))
          return invalidSignature("this is not what was uploaded")
        const good = signers.filter((signer) => isSignedBy(given, userId, signer, verify))
        const all = signaturesBy(given, userId)
        if (good.length === 0) return invalidSignature("no key that may sign this has signed it")
        return { signatures: Object.fromEntries(good.map(({ keyId }) => [keyId, all[keyId]!])) }
      }

      const signOwn = (
        userId: string,
        given: JsonObject,
        fail: (keyId: string, error: MatrixError) => void,
      ) =>
        local.change(userId, (before) =>
          Effect.sync(() => {
            let list = before
            const devices: string[] = []
            let signingKeys = false
            for (const [keyId, object] of Object.entries(given)) {
              const found = signersOf(userId, list, keyId)
              const result =
                found === undefined
                  ? notFound(`${userId} has no device or key ${keyId}`)
                  : signed(found.target, object, userId, found.signers)
              if (found === undefined || "errcode" in result) {
                fail(keyId, result as MatrixError)
                continue
              }
              const merged = mergedWith(
                found.target,
                withOwnSignatures(found.target, userId, result.signatures),
                userId,
              )
              if (canonicalJson(merged) === canonicalJson(found.target)) continue
              const device = memberOf(list.devices, keyId)
              if (device?.keys === undefined) list = { ...list, masterKey: merged }
              else list = { ...list, devices: { ...list.devices, [keyId]: { ...device, keys: merged } } }
              if (device?.keys === undefined) signingKeys = true
              else devices.push(keyId)
            }
            return devices.length > 0 || signingKeys ? { list, devices, signingKeys } : undefined
          }),
        )

      const masterKeyOf = (userId: string) => {
        const own = local.listOf(userId)
        return own === undefined
          ? Effect.map(
              Effect.orElseSucceed(remote.current(userId), () => undefined),
              (list) => list?.masterKey,
            )
          : Effect.succeed(own.masterKey)
      }

      const signOther = Effect.fnUntraced(function* (
        signer: string,
        userId: string,
        given: JsonObject,
        fail: (keyId: string, error: MatrixError) => void,
      ) {
        const master = readCrossSigningKey(yield* masterKeyOf(userId), userId, "master")
        const own = readCrossSigningKey(local.listOf(signer)?.userSigningKey, signer, "user_signing")
        for (const [keyId, object] of Object.entries(given)) {
          const result =
            master?.keyId !== `ed25519:${keyId}`
              ? notFound(`${userId} has no master key ${keyId}`)
              : signed(master.json, object, signer, own === undefined ? [] : [own])
          if (master === undefined || "errcode" in result) {
            fail(keyId, result as MatrixError)
            continue
          }
          const key = JSON.stringify([signer, userId])
          const value = withOwnSignatures(master.json, signer, result.signatures)
          yield* local.whileWriting(
            Effect.gen(function* () {
              yield* store.commit({ records: [{ collection, key, value }] })
              vouched.set(key, value)
            }),
          )
        }
      })

      return CrossSigning.of({
        uploadKeys: (userId, keys) =>
          local.change(
            userId,
            Effect.fnUntraced(function* (before) {
              const list = yield* withKeys(userId, before, keys)
              if (canonicalJson(secretsOf(list)) === canonicalJson(secretsOf(before))) return undefined
              const signingKeys = canonicalJson(publicOf(list)) !== canonicalJson(publicOf(before))
              return { list, signingKeys }
            }),
          ),
        uploadSignatures: Effect.fnUntraced(function* (userId, signatures) {
          const failures: SignatureFailures = {}
          for (const [target, given] of Object.entries(signatures)) {
            const fail = (keyId: string, error: MatrixError) => {
              failures[target] = { ...failures[target], [keyId]: error.body }
            }
            if (!isJsonObject(given))
              return yield* invalidParameter(`what is signed of ${target} is no object`)
            if (target === userId) yield* signOwn(userId, given, fail)
            else yield* signOther(userId, target, given, fail)
          }
          return failures
        }),
        signaturesOn: (signer, userId, masterKey) => {
          const found = vouched.get(JSON.stringify([signer, userId]))
          return found !== undefined && isSameKey(found, masterKey) ? signaturesBy(found, signer) : {}
        },
      })
    }),
  )
}

const publicOf = ({ masterKey, selfSigningKey }: OwnList): JsonValue => [
  masterKey ?? null,
  selfSigningKey ?? null,
]

const secretsOf = (list: OwnList): JsonValue => [publicOf(list), list.userSigningKey ?? null]
