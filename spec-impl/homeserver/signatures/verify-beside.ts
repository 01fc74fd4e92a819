/** Checks that are made beside the main thread, while others are still being gathered. */
import { Effect } from "effect"
import type { SignatureFunctions, Verification, VerifyCheck } from "./signatures.ts"
import type { VerifyThreads } from "./verify-threads.ts"

/** So many checks are handed over at a time, while others are still being made; at first fewer, for threads wait for them. */
const sliceChecks = { first: 32, max: 128 }
/** Fewer checks are done sooner than handed over; and fewer than that are no reason to start threads. */
const handedOverMin = 4
const startedForMin = 32

/** The checks that `isForThreads` says are handed over to them, many at a time; the rest are made here. */
export const verifyBeside = (
  threads: VerifyThreads,
  verifyHere: SignatureFunctions["verify"],
  isForThreads: (check: VerifyCheck) => boolean,
): Verification => {
  const verdicts: boolean[] = []
  let left = 0
  let handedOverAt = sliceChecks.first
  /** Those that were not handed over yet, and their places among all. */
  let checks: VerifyCheck[] = []
  let places: number[] = []
  let isComplete = (): void => undefined
  const verifyNow = ({ publicKey, message, signature }: VerifyCheck): boolean =>
    verifyHere(publicKey, message, signature)
  const handOver = (): void => {
    const handed = places
    left += handed.length
    threads.take(checks, (given) => {
      for (const [nth, place] of handed.entries()) verdicts[place] = given[nth]!
      left -= handed.length
      if (left === 0) isComplete()
    })
    checks = []
    places = []
    handedOverAt = Math.min(handedOverAt * 2, sliceChecks.max)
  }
  return {
    add: (added) => {
      for (const check of added) {
        if (!isForThreads(check)) {
          verdicts.push(verifyNow(check))
          continue
        }
        places.push(verdicts.length)
        verdicts.push(false)
        checks.push(check)
        if (checks.length === handedOverAt) handOver()
      }
    },
    verdicts: Effect.callback((resume) => {
      if (checks.length >= (threads.areRunning ? handedOverMin : startedForMin)) handOver()
      for (const [nth, place] of places.entries()) verdicts[place] = verifyNow(checks[nth]!)
      isComplete = () => resume(Effect.succeed(verdicts))
      if (left === 0) isComplete()
      else threads.help()
    }),
  }
}
