/** The layer in memory keeps the contract of `EventStore`. */
import { Effect } from "effect"
import { describe, expect, test } from "vitest"
import { MemoryDisk, memoryStore } from "./memory.ts"
import { describeContract } from "./testing/contract.ts"
import type { Disk } from "./testing/disk.ts"

const diskOf = (disk: MemoryDisk): Disk => ({
  boot: Effect.sync(() => memoryStore(disk)),
  copy: () => diskOf(disk.copy()),
})
describe("the store in memory", () => describeContract(() => diskOf(new MemoryDisk()), 200))

test("of a destination that has been told all nothing is kept", async () => {
  const disk = new MemoryDisk()
  const store = memoryStore(disk)
  const inFlight = { transactionId: "t", originServerTs: 1, events: [["!r:s", "$e"]], edus: [] } as const
  const commit = (write: object) =>
    Effect.runPromise(store.commit({ destinations: [{ destination: "s2", ...write }] }))
  await commit({ queued: [["!r:s", "$e"]] })
  await commit({ inFlight })
  expect(disk.destinations.size).toBe(1)
  await commit({ settled: [["!r:s", "$e"]], inFlight: null })
  expect(disk.destinations.size).toBe(0)
})
