/**
 * Threads that verify by machine code. All of them get the same slices of checks, and each takes from these what no other
 * has taken, so none is idle while there is work; nor is the main thread, where it waits for the verdicts. They are
 * started when they are first wanted, and end when they have not been for a while: each takes some eight megabytes.
 */
import { availableParallelism } from "node:os"
import { Worker } from "node:worker_threads"
import type { NativeName, SignatureFunctions, VerifyCheck } from "./signatures.ts"
import { makeSlice, type Slice, type SliceMessage, verdict } from "./verify-slice.ts"

const threadsMax = 8
/** About a millisecond of work: then others have their turn on the main thread. */
const helpedAtOnce = 16
const idleMsMax = 60_000
const mebibytesMax = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 32 }

interface UnderWay {
  readonly slice: Slice
  readonly checks: readonly VerifyCheck[]
  readonly done: (verdicts: readonly boolean[]) => void
}

export class VerifyThreads {
  readonly #verify: SignatureFunctions["verify"]
  readonly #library: NativeName
  #workers: readonly Worker[] = []
  readonly #underWay = new Map<number, UnderWay>()
  #slices = 0
  #idle: NodeJS.Timeout | undefined
  #isHelping = false

  /** `verify` does what is left where a thread has failed. */
  constructor(verify: SignatureFunctions["verify"], library: NativeName) {
    this.#verify = verify
    this.#library = library
  }

  get areRunning(): boolean {
    return this.#workers.length > 0
  }

  /** Calls `done` with the verdicts, in order, once all are there. */
  take(checks: readonly VerifyCheck[], done: UnderWay["done"]): void {
    if (!this.areRunning) this.#start()
    clearTimeout(this.#idle)
    const slice = makeSlice(checks)
    const message: SliceMessage = { number: this.#slices++, memory: slice.memory }
    this.#underWay.set(message.number, { slice, checks, done })
    for (const worker of this.#workers) {
      worker.ref()
      worker.postMessage(message)
    }
  }

  /** Makes checks here as well, as long as there are any that no thread has taken. */
  help(): void {
    if (this.#isHelping) return
    this.#isHelping = true
    const turn = (): void => {
      let left = helpedAtOnce
      for (const [number, { slice, checks }] of this.#underWay) {
        for (let at = 0; left > 0; left--) {
          at = Atomics.add(slice.counts, 0, 1)
          if (at >= checks.length) break
          this.#verifyHere(slice, checks, at)
          if (Atomics.add(slice.counts, 1, 1) === checks.length - 1) this.#settle(number)
        }
      }
      this.#isHelping = left === 0
      if (this.#isHelping) setImmediate(turn)
    }
    turn()
  }

  #verifyHere({ verdicts }: Slice, checks: readonly VerifyCheck[], at: number): void {
    const { publicKey, message, signature } = checks[at]!
    verdicts[at] = this.#verify(publicKey, message, signature) ? verdict.valid : verdict.invalid
  }

  /** The main thread has a processor of its own. */
  #start(): void {
    const count = Math.max(1, Math.min(availableParallelism() - 1, threadsMax))
    this.#workers = Array.from({ length: count }, () => {
      const file = new URL("./verify-worker.ts", import.meta.url)
      const worker = new Worker(file, {
        ...{ execArgv: [], resourceLimits: mebibytesMax },
        workerData: this.#library,
      })
      worker.on("message", (number: number) => this.#settle(number))
      worker.on("error", () => {
        if (this.#workers.includes(worker)) this.#fail()
      })
      return worker
    })
  }

  #settle(number: number): void {
    const settled = this.#underWay.get(number)
    if (settled === undefined) return
    this.#underWay.delete(number)
    if (this.#underWay.size === 0) {
      for (const worker of this.#workers) worker.unref()
      this.#idle = setTimeout(() => void this.end(), idleMsMax).unref()
    }
    settled.done(Array.from(settled.slice.verdicts, (given) => given === verdict.valid))
  }

  /** What one thread has taken no other will do, so this one does all that has no verdict. */
  #fail(): void {
    void this.end()
    for (const [number, { slice, checks }] of this.#underWay) {
      for (const at of checks.keys())
        if (slice.verdicts[at] === verdict.pending) this.#verifyHere(slice, checks, at)
      this.#settle(number)
    }
  }

  /** Ends the threads; they are started again when they are wanted. */
  async end(): Promise<void> {
    clearTimeout(this.#idle)
    const workers = this.#workers
    this.#workers = []
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}
