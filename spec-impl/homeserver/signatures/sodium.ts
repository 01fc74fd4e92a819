/** Ed25519 by libsodium, what became of NaCl: twice as fast as OpenSSL's. */
import { createRequire } from "node:module"
import { memoByKey } from "./key-memo.ts"
import type { SignatureFunctions } from "./signatures.ts"

/** What is used of sodium-native, which comes without types. */
interface SodiumNative {
  /** Writes both keys. */
  crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): void
  /** Writes the signature. */
  crypto_sign_detached(signature: Uint8Array, message: Uint8Array, secretKey: Uint8Array): void
  /** Throws on wrong lengths; takes no view of shared memory. */
  crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
}

const load = (): SodiumNative | undefined => {
  try {
    return createRequire(import.meta.url)("sodium-native")
  } catch {
    return undefined
  }
}

const functionsOf = (native: SodiumNative): SignatureFunctions => {
  const pairOf = memoByKey((seed) => {
    const [publicKey, secretKey] = [new Uint8Array(32), new Uint8Array(64)]
    native.crypto_sign_seed_keypair(publicKey, secretKey, seed)
    return { publicKey, secretKey }
  })
  return {
    publicKey: (seed) => pairOf(seed).publicKey,
    sign: (seed, message) => {
      const signature = new Uint8Array(64)
      native.crypto_sign_detached(signature, message, pairOf(seed).secretKey)
      return signature
    },
    verify: (publicKey, message, signature) =>
      native.crypto_sign_verify_detached(signature, message, publicKey),
  }
}

const native = load()

/** Verifies without the cofactor, nothing of small order; undefined where there is no build for this machine. */
export const sodium: SignatureFunctions | undefined = native && functionsOf(native)
