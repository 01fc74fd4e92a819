/**
 * Threads that verify by machine code. All of them get the same slices of checks, and each takes from these what no other
 * has taken, so none is idle while there is work. They are started when they are first wanted, and end when they have
 * not been for a while: each takes some eight megabytes.
 */
import { availableParallelism } from "node:os"
import { Worker } from "node:worker_threads"
import type { SignatureFunctions, VerifyCheck } from "./signatures.ts"
import { makeSlice, type Slice, type SliceMessage, verdict } from "./verify-slice.ts"

const threadsMax = 8
const idleMsMax = 60_000
const mebibytesMax = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 32 }

/** A library of machine code. */
export type NativeName = "sodium" | "node"

interface UnderWay {
  readonly slice: Slice
  readonly checks: readonly VerifyCheck[]
  readonly done: (verdicts: readonly boolean[]) => void
}

export class VerifyThreads {
  readonly #verify: SignatureFunctions["verify"]
  #workers: readonly Worker[] = []
  readonly #underWay = new Map<number, UnderWay>()
  #slices = 0
  #idle: NodeJS.Timeout | undefined

  readonly #library: NativeName

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

  #start(): void {
    const count = Math.min(availableParallelism(), threadsMax)
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
      for (const [at, { publicKey, message, signature }] of checks.entries()) {
        if (slice.verdicts[at] !== verdict.pending) continue
        slice.verdicts[at] = this.#verify(publicKey, message, signature) ? verdict.valid : verdict.invalid
      }
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
