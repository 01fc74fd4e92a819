import { sha256 } from "../../core/hash.ts"
import type { SignatureFunctions } from "./signatures.ts"

/** Signature functions with the verdicts they gave. */
export interface MemoisedSignatures extends SignatureFunctions {
  /** How often a verdict was there already. */
  readonly hits: () => number
}

/**
 * Keeps the newest `countMax` verdicts, by the whole of what was asked: many virtual servers verify the same
 * signature. Signing fills the memo: what this process signed, it need not verify.
 */
export const memoised = (functions: SignatureFunctions, countMax = 200_000): MemoisedSignatures => {
  const verdicts = new Map<string, boolean>()
  let hits = 0
  const keep = (key: string, verdict: boolean): boolean => {
    const oldest = verdicts.keys().next()
    if (verdicts.size >= countMax && !oldest.done) verdicts.delete(oldest.value)
    verdicts.set(key, verdict)
    return verdict
  }
  return {
    publicKey: functions.publicKey,
    sign: (seed, message) => {
      const signature = functions.sign(seed, message)
      keep(keyOf(functions.publicKey(seed), message, signature), true)
      return signature
    },
    verify: (publicKey, message, signature) => {
      const key = keyOf(publicKey, message, signature)
      const known = verdicts.get(key)
      if (known === undefined) return keep(key, functions.verify(publicKey, message, signature))
      hits += 1
      return known
    },
    hits: () => hits,
  }
}

/** The lengths are part of the key, so that no bytes can move from one part to another. */
const keyOf = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): string =>
  `${publicKey.length} ${signature.length} ${Buffer.from(sha256(Buffer.concat([publicKey, signature, message]))).toString("latin1")}`
