/** Threads that work at many tasks, each thread at one. */
import { Worker } from "node:worker_threads"

export interface PoolOptions<Task, Result> {
  /** The file that each thread runs: it gets tasks as messages, and answers each with one. */
  readonly file: URL
  readonly workerData: unknown
  readonly workers: number
  /** The next task; undefined where there is none, now. */
  readonly next: () => Task | undefined
  /** May have made more tasks. */
  readonly onResult: (result: Result, task: Task) => void
  /** Once aborted, no task is begun any more; those at work are given up after that time. */
  readonly signal: AbortSignal
  readonly graceMs: number
}

/** Ends when all tasks are done, or no more are to be begun. Throws what a thread throws. */
export const runPool = async <Task, Result>(options: PoolOptions<Task, Result>): Promise<void> => {
  const { file, workerData, signal } = options
  const threads = Array.from({ length: options.workers }, () => new Worker(file, { workerData }))
  const idle = new Set(threads)
  const busy = new Map<Worker, Task>()
  try {
    await new Promise<void>((done, fail) => {
      const deal = (): void => {
        for (const thread of [...idle]) {
          const task = signal.aborted ? undefined : options.next()
          if (task === undefined) break
          idle.delete(thread)
          busy.set(thread, task)
          thread.postMessage(task)
        }
        if (busy.size === 0) done()
      }
      for (const thread of threads) {
        thread.on("error", fail)
        thread.on("message", (result: Result) => {
          const task = busy.get(thread)!
          busy.delete(thread)
          idle.add(thread)
          options.onResult(result, task)
          deal()
        })
      }
      signal.addEventListener("abort", () => {
        if (busy.size === 0) done()
        setTimeout(done, options.graceMs).unref()
      })
      deal()
    })
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()))
  }
}
