/**
 * Reads for which this thread waits. `sqlite3` calls back only once the thread is free again, so another thread asks it:
 * the same library, so that its locks and those of the other connections know of each other. The thread is started by the
 * first question.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from "node:worker_threads"
import { Effect } from "effect"

/** What the thread is told. */
export interface ReadNowTask {
  readonly filename: string
  readonly busyTimeoutMs: number
  readonly port: MessagePort
  /** Counts the answers. */
  readonly answered: Int32Array
}

/** Which events are asked for, by ids as the store writes them. */
export interface Question {
  readonly number: number
  readonly roomId: string
  readonly eventIds: readonly string[]
}

/** An event as it is kept. */
export interface Row {
  readonly room_id: string
  readonly event_id: string
  readonly data: string
}

/** The rows of those that there are, or why they cannot be read. */
export interface Answer {
  readonly number: number
  readonly rows?: readonly Row[]
  readonly problem?: string
}

const waitMsMax = 30_000

/** A function that gives the rows of those events that there are; it throws where they cannot be read. */
export const makeReadNow = (filename: string, busyTimeoutMs: number) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Reader(filename, busyTimeoutMs)),
      (reader) => reader.close,
    ),
    (reader) => (roomId: string, eventIds: readonly string[]) => reader.read(roomId, eventIds),
  )

class Reader {
  readonly #filename: string
  readonly #busyTimeoutMs: number
  readonly #answered = new Int32Array(new SharedArrayBuffer(4))
  #thread: { readonly worker: Worker; readonly port: MessagePort } | undefined
  #questions = 0

  constructor(filename: string, busyTimeoutMs: number) {
    this.#filename = filename
    this.#busyTimeoutMs = busyTimeoutMs
  }

  read(roomId: string, eventIds: readonly string[]): readonly Row[] {
    this.#thread ??= this.#start()
    const { port } = this.#thread
    const number = ++this.#questions
    const question: Question = { number, roomId, eventIds }
    port.postMessage(question)
    for (;;) {
      const answered = Atomics.load(this.#answered, 0)
      for (let given = receiveMessageOnPort(port); given !== undefined; given = receiveMessageOnPort(port)) {
        const answer: Answer = given.message
        if (answer.number !== number) continue
        if (answer.rows !== undefined) return answer.rows
        throw new Error(`${this.#filename}: ${answer.problem}`)
      }
      if (Atomics.wait(this.#answered, 0, answered, waitMsMax) === "timed-out") {
        throw new Error(`${this.#filename} gave no events in ${waitMsMax} ms`)
      }
    }
  }

  #start() {
    const { port1: port, port2 } = new MessageChannel()
    const workerData: ReadNowTask = {
      filename: this.#filename,
      busyTimeoutMs: this.#busyTimeoutMs,
      port: port2,
      answered: this.#answered,
    }
    const file = new URL("./read-now-worker.ts", import.meta.url)
    const worker = new Worker(file, { workerData, transferList: [port2] })
    worker.unref()
    port.unref()
    return { worker, port }
  }

  /** Ends the thread, if there is one. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    const worker = this.#thread?.worker
    if (worker === undefined) return Effect.void
    return Effect.callback((resume) => {
      worker.once("exit", () => resume(Effect.void))
      void worker.terminate()
    })
  })
}
