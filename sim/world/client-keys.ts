/**
 * The keys that a client would make for its user and devices: each derived from its name, so that a story needs no
 * chance for them, and never known to a server but by their public half (client-server API §End-to-End Encryption).
 */
import { encodeBase64 } from "#spec-impl/core/base64.ts"
import { sha256 } from "#spec-impl/core/hash.ts"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { signJson } from "#spec-impl/core/signing.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"

const signatures = nativeSignatures("libsodium")
const seedOf = (...label: readonly string[]): Uint8Array => sha256(JSON.stringify(label))

/** A device's own keys. `generation` tells apart what a device of the same id had before. */
export const deviceClient = (userId: string, deviceId: string, generation = "") => {
  const seed = seedOf(userId, deviceId, generation)
  const curveKey = (name: string): string =>
    encodeBase64(seedOf("curve25519", userId, deviceId, generation, name))
  const sign = (object: JsonObject): JsonObject =>
    signJson(object, userId, `ed25519:${deviceId}`, (message) => signatures.sign(seed, message))
  return {
    deviceKeys: sign({
      user_id: userId,
      device_id: deviceId,
      algorithms: ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
      keys: {
        [`curve25519:${deviceId}`]: curveKey("identity"),
        [`ed25519:${deviceId}`]: encodeBase64(signatures.publicKey(seed)),
      },
    }),
    /** One-time keys of those ids. */
    oneTimeKeys: (...ids: readonly string[]): JsonObject =>
      Object.fromEntries(ids.map((id) => [`signed_curve25519:${id}`, sign({ key: curveKey(id) })])),
    fallbackKey: (id: string): JsonObject => ({
      [`signed_curve25519:${id}`]: sign({ key: curveKey(id), fallback: true }),
    }),
    /** `object` with the device's signature. */
    sign,
  }
}

/** A user's cross-signing keys, and what they sign. */
export const crossSigningClient = (userId: string, generation = "") => {
  const keyOf = (usage: string) => {
    const seed = seedOf(usage, userId, generation)
    const name = encodeBase64(signatures.publicKey(seed))
    const sign = (object: JsonObject): JsonObject =>
      signJson(object, userId, `ed25519:${name}`, (message) => signatures.sign(seed, message))
    return { name, sign, json: { user_id: userId, usage: [usage], keys: { [`ed25519:${name}`]: name } } }
  }
  const master = keyOf("master")
  const selfSigning = keyOf("self_signing")
  const userSigning = keyOf("user_signing")
  return {
    /** The body of `POST /keys/device_signing/upload`. */
    keys: {
      master_key: master.json,
      self_signing_key: master.sign(selfSigning.json),
      user_signing_key: master.sign(userSigning.json),
    },
    masterName: master.name,
    /** A device's keys with the self-signing key's signature. */
    signDevice: selfSigning.sign,
    /** Another user's master key with the user-signing key's signature. */
    signUser: userSigning.sign,
  }
}
