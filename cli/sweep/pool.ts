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

/**
 * Threads that each run `file`: it gets tasks as messages, and answers each with one. They are started as they are
 * needed; one that throws fails what it was at, and makes room for another.
 */
export const openPool = <Task, Result>(file: URL, workers: number): Pool<Task, Result> => {
  const waiting: Waiting<Task, Result>[] = []
  const threads = new Set<Worker>()
  const idle = new Set<Worker>()
  const atWork = new Map<Worker, Waiting<Task, Result>>()
  const start = (): Worker | undefined => {
    if (threads.size === workers) return undefined
    const thread = new Worker(file)
    threads.add(thread)
    thread.on("message", (result: Result) => {
      const { done } = atWork.get(thread)!
      atWork.delete(thread)
      idle.add(thread)
      done(result)
      deal()
    })
    thread.on("error", (error) => {
      const task = atWork.get(thread)
      for (const threadsOfAKind of [threads, idle, atWork]) threadsOfAKind.delete(thread)
      task?.fail(error)
      deal()
    })
    return thread
  }
  const deal = (): void => {
    while (waiting.length > 0) {
      const [thread = start()] = idle
      if (thread === undefined) return
      idle.delete(thread)
      const next = waiting.shift()!
      atWork.set(thread, next)
      thread.postMessage(next.task)
    }
  }
  return {
    run: (task) =>
      new Promise((done, fail) => {
        waiting.push({ task, done, fail })
        deal()
      }),
    close: async () => {
      await Promise.all([...threads].map((thread) => thread.terminate()))
    },
  }
}
