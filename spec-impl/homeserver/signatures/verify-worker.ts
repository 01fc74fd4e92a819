/** A thread of `verify-threads.ts`: takes one check after the other, as long as no other thread has taken it. */
import { parentPort, workerData } from "node:worker_threads"
import { readSlice, type SliceMessage, verdict } from "./verify-slice.ts"

/** Only the library that is used is loaded. */
const library =
  workerData === "sodium"
    ? (await import("./sodium.ts")).sodium
    : (await import("./node-crypto.ts")).nodeCrypto
if (library === undefined) throw new Error(`${workerData} signatures: there is no build for this machine`)

/** Copies of checks, one after the other: libsodium takes no view of shared memory. It grows with the longest. */
let copy = new Uint8Array(2_048)

parentPort?.on("message", ({ number, memory }: SliceMessage) => {
  const { counts, verdicts, offsets, bytes } = readSlice(memory)
  for (let at = Atomics.add(counts, 0, 1); at < verdicts.length; at = Atomics.add(counts, 0, 1)) {
    const check = bytes.subarray(offsets[at]!, offsets[at + 1]!)
    if (check.length > copy.length) copy = new Uint8Array(check.length)
    copy.set(check)
    const message = copy.subarray(96, check.length)
    const isValid = library.verify(copy.subarray(0, 32), message, copy.subarray(32, 96))
    verdicts[at] = isValid ? verdict.valid : verdict.invalid
    if (Atomics.add(counts, 1, 1) === verdicts.length - 1) parentPort?.postMessage(number)
  }
})
