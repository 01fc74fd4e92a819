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

/** Which event is asked for, as the store writes its ids. */
export interface Question {
  readonly number: number
  readonly roomId: string
  readonly eventId: string
}

/** The event's row where there is one, or why it cannot be read. */
export interface Answer {
  readonly number: number
  readonly row?: { readonly room_id: string; readonly event_id: string; readonly data: string } | undefined
  readonly problem?: string
}

const waitMsMax = 30_000

/** A function that gives the row of an event, or undefined where there is none; it throws where that cannot be said. */
export const makeReadNow = (filename: string, busyTimeoutMs: number) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Reader(filename, busyTimeoutMs)),
      (reader) => reader.close,
    ),
    (reader) => (roomId: string, eventId: string) => reader.read(roomId, eventId),
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

  read(roomId: string, eventId: string): Answer["row"] {
    this.#thread ??= this.#start()
    const { port } = this.#thread
    const number = ++this.#questions
    const question: Question = { number, roomId, eventId }
    port.postMessage(question)
    for (;;) {
      const answered = Atomics.load(this.#answered, 0)
      for (let given = receiveMessageOnPort(port); given !== undefined; given = receiveMessageOnPort(port)) {
        const answer: Answer = given.message
        if (answer.number !== number) continue
        if (answer.problem !== undefined) throw new Error(`${this.#filename}: ${answer.problem}`)
        return answer.row
      }
      if (Atomics.wait(this.#answered, 0, answered, waitMsMax) === "timed-out") {
        throw new Error(`${this.#filename} gave no event in ${waitMsMax} ms`)
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
