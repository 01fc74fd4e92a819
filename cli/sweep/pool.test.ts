import { expect, test } from "vitest"
import { openPool } from "./pool.ts"

const divides = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort, threadId } from "node:worker_threads"
    parentPort.on("message", (divisor) => {
      if (divisor === 0) throw new Error("by nothing")
      parentPort.postMessage({ threadId, quotient: 12 / divisor })
    })
  `)}`,
)

test("threads work at tasks, and one that throws fails its own and is replaced", async () => {
  const pool = openPool<number, { readonly threadId: number; readonly quotient: number }>(divides, 2)
  const tasks = [1, 0, 2, 3, 0, 0, 4].map((divisor) => pool.run(divisor))
  const results = await Promise.allSettled(tasks)
  expect(results.map((result) => (result.status === "fulfilled" ? result.value.quotient : "none"))).toEqual([
    ...[12, "none", 6, 4, "none", "none", 3],
  ])
  expect(results[1]).toMatchObject({ reason: { message: "by nothing" } })
  const later = await Promise.all([1, 2, 3, 4].map((divisor) => pool.run(divisor)))
  expect(new Set(later.map(({ threadId }) => threadId)).size).toBeLessThanOrEqual(2)
  await pool.close()
})
