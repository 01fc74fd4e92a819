/** The layer in memory keeps the contract of `EventStore`. */
import { Effect } from "effect"
import { describe, expect, test } from "vitest"
import { SmallMap } from "../core/small-map.ts"
import { MemoryDisk, memoryStore } from "./memory.ts"
import { describeContract } from "./testing/contract.ts"
import type { Disk } from "./testing/disk.ts"

const diskOf = (disk: MemoryDisk): Disk => ({
  boot: Effect.sync(() => memoryStore(disk)),
  copy: () => diskOf(copyOf(disk)),
})
const copyOf = (disk: MemoryDisk): MemoryDisk => {
  const copy = new MemoryDisk()
  for (const [roomId, room] of disk.rooms) copy.rooms.set(roomId, { ...room, events: new Map(room.events) })
  for (const [digest, state] of disk.states) copy.states.set(digest, state)
  for (const [name, kept] of disk.destinations) {
    const { unsent, unsentEdus, inFlight } = kept
    copy.destinations.set(name, {
      unsent: new SmallMap(unsent),
      unsentEdus: new SmallMap(unsentEdus),
      inFlight,
    })
  }
  for (const [key, write] of disk.outside) copy.outside.set(key, write)
  for (const [key, answer] of disk.answers) copy.answers.set(key, answer)
  for (const [collection, kept] of disk.records) copy.records.set(collection, new Map(kept))
  for (const [collection, kept] of disk.blobs) copy.blobs.set(collection, new Map(kept))
  return copy
}

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
