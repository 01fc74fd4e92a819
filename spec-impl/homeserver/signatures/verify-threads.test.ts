/** Signatures that are verified beside the main thread: the same verdicts, in order, whoever gives them. */
import { Worker } from "node:worker_threads"
import { afterEach, describe, expect, it, vi } from "@effect/vitest"
import { Effect } from "effect"
import { layerNativeThreaded, nativeDefault, nativeSignatures } from "./native.ts"
import { Signatures, type VerifyCheck } from "./signatures.ts"
import { VerifyThreads } from "./verify-threads.ts"

const functions = nativeSignatures("libsodium")
const seed = new Uint8Array(32).fill(7)
const publicKey = functions.publicKey(seed)

/** Every seventh is of another message, and every eleventh by a key that no signature holds under. */
const checks: readonly VerifyCheck[] = Array.from({ length: 500 }, (_, nth) => {
  const message = Buffer.from(`message ${nth}`)
  const signature = functions.sign(seed, nth % 7 === 0 ? Buffer.from("another") : message)
  return { publicKey: nth % 11 === 0 ? new Uint8Array(32) : publicKey, message, signature }
})
const wanted = checks.map((_, nth) => nth % 7 !== 0 && nth % 11 !== 0)

afterEach(() => void vi.restoreAllMocks())

describe("verifying beside the main thread", () => {
  it.live("gives verdicts in the order in which checks were added, however few at a time", () =>
    Effect.gen(function* () {
      const { begin } = yield* Signatures
      for (const atOnce of [500, 130, 3]) {
        const verification = begin()
        for (let at = 0; at < checks.length; at += atOnce) {
          verification.add(checks.slice(at, at + atOnce))
          yield* Effect.yieldNow
        }
        expect(yield* verification.verdicts).toEqual(wanted)
      }
      expect(yield* begin().verdicts).toEqual([])
    }).pipe(Effect.provide(layerNativeThreaded("libsodium"))),
  )

  it("does here what a thread has not done that failed, and starts threads anew", async () => {
    const post = vi.spyOn(Worker.prototype, "postMessage")
    post.mockImplementation(function (this: Worker, message: unknown) {
      post.mockRestore()
      this.postMessage({ ...(message as object), memory: "none" })
    })
    const valid = checks.filter((_, nth) => wanted[nth])
    const threads = new VerifyThreads(functions.verify, nativeDefault)
    const verdictsOf = (asked: readonly VerifyCheck[]) =>
      new Promise<readonly boolean[]>((resolve) => threads.take(asked, resolve))
    expect(await verdictsOf(valid)).toEqual(valid.map(() => true))
    expect(await verdictsOf(valid)).toEqual(valid.map(() => true))
    await threads.end()
    expect(threads.areRunning).toBe(false)
  })
})
