/** A thread of `verify-threads.ts`: takes one check after the other, as long as no other thread has taken it. */
import { createPublicKey, type KeyObject, verify } from "node:crypto"
import { parentPort } from "node:worker_threads"
import { publicKeyPrefix, readSlice, type SliceMessage, verdict } from "./verify-slice.ts"

/** Key objects cost more to make than to use; this many are kept. */
const keysKeptMax = 1_000
const keys = new Map<string, KeyObject>()

const keyOf = (publicKey: Uint8Array): KeyObject => {
  const name = Buffer.from(publicKey).toString("latin1")
  const known = keys.get(name)
  if (known !== undefined) return known
  const made = createPublicKey({
    key: Buffer.concat([publicKeyPrefix, publicKey]),
    format: "der",
    type: "spki",
  })
  if (keys.size >= keysKeptMax) keys.clear()
  keys.set(name, made)
  return made
}

parentPort?.on("message", ({ number, memory }: SliceMessage) => {
  const { counts, verdicts, offsets, bytes } = readSlice(memory)
  for (let at = Atomics.add(counts, 0, 1); at < verdicts.length; at = Atomics.add(counts, 0, 1)) {
    const start = offsets[at]!
    const publicKey = bytes.slice(start, start + 32)
    const signature = bytes.subarray(start + 32, start + 96)
    const isValid = verify(null, bytes.subarray(start + 96, offsets[at + 1]), keyOf(publicKey), signature)
    verdicts[at] = isValid ? verdict.valid : verdict.invalid
    if (Atomics.add(counts, 1, 1) === verdicts.length - 1) parentPort?.postMessage(number)
  }
})
