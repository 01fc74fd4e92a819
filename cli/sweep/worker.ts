/** One thread of a sweep: runs the seeds that it is sent, one after the other. */
import { parentPort } from "node:worker_threads"
import type { SeedTask } from "./job.ts"
import { runSeed } from "./run-seed.ts"

parentPort?.on("message", async ({ job, seed }: SeedTask) => {
  try {
    parentPort?.postMessage(await runSeed(job, seed))
  } catch (error) {
    if (error instanceof Error) error.message = `seed ${seed}: ${error.message}`
    throw error
  }
})
