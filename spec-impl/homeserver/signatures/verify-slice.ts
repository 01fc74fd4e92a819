/** Checks as threads share them, so that each can take the next one while this one works. */
import type { VerifyCheck } from "./signatures.ts"

export const verdict = { pending: 0, valid: 1, invalid: 2 } as const

/** What the threads are told: memory that all of them have in common. */
export interface SliceMessage {
  readonly number: number
  readonly memory: SharedArrayBuffer
}

/** The same memory by its parts. */
export interface Slice {
  readonly memory: SharedArrayBuffer
  /** How many checks were taken, and how many have their verdict. */
  readonly counts: Int32Array
  readonly verdicts: Uint8Array
  /** Where each check begins in `bytes`, and where the last one ends: its key, its signature, its message. */
  readonly offsets: Int32Array
  readonly bytes: Uint8Array
}

const keyBytes = 32
const signatureBytes = 64
const wordBytes = 4

/** First three counts, of which the last is that of the checks; then offsets, verdicts, and all else. */
const partsOf = (memory: SharedArrayBuffer, count: number): Slice => {
  const verdictsAt = wordBytes * (3 + count + 1)
  return {
    memory,
    counts: new Int32Array(memory, 0, 3),
    offsets: new Int32Array(memory, wordBytes * 3, count + 1),
    verdicts: new Uint8Array(memory, verdictsAt, count),
    bytes: new Uint8Array(memory, verdictsAt + count),
  }
}

export const readSlice = (memory: SharedArrayBuffer): Slice =>
  partsOf(memory, new Int32Array(memory, 0, 3)[2]!)

/** Keys and signatures must be of the right length. */
export const makeSlice = (checks: readonly VerifyCheck[]): Slice => {
  const count = checks.length
  let length = wordBytes * (3 + count + 1) + count
  for (const { message } of checks) length += keyBytes + signatureBytes + message.length
  const slice = partsOf(new SharedArrayBuffer(length), count)
  const { counts, offsets, bytes } = slice
  counts[2] = count
  let end = 0
  for (let at = 0; at < count; at++) {
    const { publicKey, signature, message } = checks[at]!
    bytes.set(publicKey, end)
    bytes.set(signature, end + keyBytes)
    bytes.set(message, end + keyBytes + signatureBytes)
    end += keyBytes + signatureBytes + message.length
    offsets[at + 1] = end
  }
  return slice
}
