/** Who the origin is. Its key follows from the seed, so that a prepared corpus can be sent by a later process. */
import { encodeBase64Url } from "#spec-impl/core/base64.ts"
import { sha256 } from "#spec-impl/core/hash.ts"
import { readingsDefault } from "#spec-impl/core/readings.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import { makeSigningKey, type SigningKey } from "#spec-impl/homeserver/signatures/signing-key.ts"

/** By machine code: a corpus has a signature for each event and each request. */
export const signatures = nativeSignatures(readingsDefault.signatureAcceptance)

/** Bytes that follow from the seed of the corpus, and from what they are for. */
export const seededBytes = (seed: number, ...label: readonly string[]): Uint8Array =>
  sha256(JSON.stringify(["netsplit-load", seed, ...label]))

/**
 * The key by which the origin signs. Nobody else trusts it: it is known to all who know the seed, and good for the
 * lab alone. Its id differs by seed and server, since targets keep the keys that they have seen.
 */
export const originKey = (seed: number, serverName: string): SigningKey => {
  const bytes = seededBytes(seed, "signing-key", serverName)
  const version = encodeBase64Url(sha256(bytes))
    .replace(/[^A-Za-z0-9]/g, "x")
    .slice(0, 8)
  return makeSigningKey(signatures, `ed25519:load_${version}`, bytes)
}
