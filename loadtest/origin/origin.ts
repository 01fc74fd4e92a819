/** The origin's live half, as the launcher sees it. */
import { Worker } from "node:worker_threads"
import type { CallMessage, OriginCalls, OriginTask, OutcomeMessage } from "./origin-worker.ts"

interface Waiting {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

/** Starts the origin in a thread of its own; `stop` ends the thread too. */
export const startOrigin = (task: OriginTask): OriginCalls => {
  const worker = new Worker(new URL("./origin-worker.ts", import.meta.url), { workerData: task })
  const waiting = new Map<number, Waiting>()
  let calls = 0
  let failure: Error | undefined
  worker.on("message", ({ id, result, problem }: OutcomeMessage) => {
    const caller = waiting.get(id)
    waiting.delete(id)
    if (problem === undefined) caller?.resolve(result)
    else caller?.reject(new Error(`the origin: ${problem}`))
  })
  worker.on("error", (error) => {
    failure = error
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  })
  const call = (name: keyof OriginCalls, given: readonly unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (failure !== undefined) return reject(failure)
      const id = calls++
      waiting.set(id, { resolve, reject })
      worker.postMessage({ id, name, given } satisfies CallMessage)
    })
  const calling = <Name extends keyof OriginCalls>(name: Name): OriginCalls[Name] =>
    // The worker's answer to a call by that name.
    ((...given: readonly unknown[]) => call(name, given)) as OriginCalls[Name]
  return {
    begin: calling("begin"),
    makeRooms: calling("makeRooms"),
    starts: calling("starts"),
    takeUp: calling("takeUp"),
    serversIn: calling("serversIn"),
    learn: calling("learn"),
    statistics: calling("statistics"),
    stop: async () => {
      if (failure === undefined) await call("stop", [])
      await worker.terminate()
    },
  }
}
