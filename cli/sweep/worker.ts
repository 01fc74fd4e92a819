/** One thread of a sweep: runs the seeds that it is sent, one after the other. */
import { parentPort, workerData } from "node:worker_threads"
import type { SweepJob } from "./job.ts"
import { runSeed } from "./run-seed.ts"

const job = workerData as SweepJob
parentPort?.on("message", async (seed: number) => {
  parentPort?.postMessage(await runSeed(job, seed))
})
