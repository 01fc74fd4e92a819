import { sha256 } from "../../core/hash.ts"
import { Recent } from "../../core/recent.ts"
import type { SignatureFunctions } from "./signatures.ts"

/** Signature functions with the verdicts they gave. */
export interface MemoisedSignatures extends SignatureFunctions {
  /** How often a verdict was there already. */
  readonly hits: () => number
}

interface Question {
  readonly publicKey: Uint8Array
  readonly signature: Uint8Array
  readonly verdict: boolean
}

/**
 * Keeps the newest `countMax` verdicts, by the whole of what was asked: many virtual servers verify the same
 * signature. Signing fills the memo: what this process signed, it need not verify.
 */
export const memoised = (functions: SignatureFunctions, countMax = 200_000): MemoisedSignatures => {
  const verdicts = new Map<string, boolean>()
  /** The last question about each message, by the message and the signature themselves: cheaper than by their bytes. */
  const asked = new Recent<Uint8Array, Question>()
  let hits = 0
  const keep = (key: string, verdict: boolean): boolean => {
    if (verdicts.size >= countMax) {
      const [oldest] = verdicts.keys()
      if (oldest !== undefined) verdicts.delete(oldest)
    }
    verdicts.set(key, verdict)
    return verdict
  }
  return {
    publicKey: functions.publicKey,
    sign: (seed, message) => {
      const signature = functions.sign(seed, message)
      const publicKey = functions.publicKey(seed)
      keep(keyOf(publicKey, message, signature), true)
      asked.keep(message, { publicKey, signature, verdict: true })
      return signature
    },
    verify: (publicKey, message, signature) => {
      const last = asked.get(message)
      if (last !== undefined && last.signature === signature && areEqual(last.publicKey, publicKey)) {
        hits += 1
        if (last.publicKey !== publicKey) asked.keep(message, { ...last, publicKey })
        return last.verdict
      }
      const key = keyOf(publicKey, message, signature)
      const known = verdicts.get(key)
      const verdict = known ?? keep(key, functions.verify(publicKey, message, signature))
      if (known !== undefined) hits += 1
      asked.keep(message, { publicKey, signature, verdict })
      return verdict
    },
    hits: () => hits,
  }
}

const areEqual = (one: Uint8Array, other: Uint8Array): boolean =>
  one === other || Buffer.compare(one, other) === 0

/** The lengths are part of the key, so that no bytes can move from one part to another. */
const keyOf = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): string =>
  `${publicKey.length} ${signature.length} ${Buffer.from(sha256(Buffer.concat([publicKey, signature, message]))).toString("latin1")}`
