import type { SignatureFunctions } from "./signatures.ts"

/** A server's own key. */
export interface SigningKey {
  /** `ed25519:…` */
  readonly keyId: string
  /** 32 bytes; never leaves the server. */
  readonly seed: Uint8Array
  readonly publicKey: Uint8Array
}

/** The key of that seed. */
export const makeSigningKey = (
  signatures: Pick<SignatureFunctions, "publicKey">,
  keyId: string,
  seed: Uint8Array,
): SigningKey => ({ keyId, seed, publicKey: signatures.publicKey(seed) })
