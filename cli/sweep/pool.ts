/** Threads that work at tasks, each thread at one. */
import { Worker } from "node:worker_threads"

export interface Pool<Task, Result> {
  /** Waits for a thread, and for what it answers. Throws what the thread throws. */
  readonly run: (task: Task) => Promise<Result>
  /** Ends all threads, whatever they are at. */
  readonly close: () => Promise<void>
}

interface Waiting<Task, Result> {
  readonly task: Task
  readonly done: (result: Result) => void
  readonly fail: (error: unknown) => void
}

/** Threads that each run `file`: it gets tasks as messages, and answers each with one. */
export const openPool = <Task, Result>(
  file: URL,
  workers: number,
  workerData?: unknown,
): Pool<Task, Result> => {
  const waiting: Waiting<Task, Result>[] = []
  const idle: Worker[] = []
  const atWork = new Map<Worker, Waiting<Task, Result>>()
  let failure: unknown
  const deal = (): void => {
    while (idle.length > 0 && waiting.length > 0) {
      const thread = idle.pop()!
      const next = waiting.shift()!
      atWork.set(thread, next)
      thread.postMessage(next.task)
    }
  }
  const threads = Array.from({ length: workers }, () => {
    const thread = new Worker(file, { workerData })
    thread.on("message", (result: Result) => {
      const { done } = atWork.get(thread)!
      atWork.delete(thread)
      idle.push(thread)
      done(result)
      deal()
    })
    thread.on("error", (error) => {
      failure = error
      for (const { fail } of [...atWork.values(), ...waiting.splice(0)]) fail(error)
    })
    idle.push(thread)
    return thread
  })
  return {
    run: (task) =>
      new Promise((done, fail) => {
        if (failure !== undefined) return fail(failure)
        waiting.push({ task, done, fail })
        deal()
      }),
    close: async () => {
      await Promise.all(threads.map((thread) => thread.terminate()))
    },
  }
}
