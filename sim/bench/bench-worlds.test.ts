// The worlds of `netsplit bench sim` in a small size: what they measure is nobody's promise, that they agree is.
import { expect, test } from "vitest"
import { day } from "./day.ts"
import { partitionedRoom } from "./partitioned-room.ts"
import { runBenchWorld } from "./run-bench-world.ts"

test("servers that were three parts agree, and each has spoken in each phase", async () => {
  const chapters = new Set<string>()
  const world = partitionedRoom({ name: "six", servers: 6 })
  const figure = await runBenchWorld(world, {
    transport: "direct",
    onProgress: (chapter, done, total) => void (done === total && chapters.add(chapter)),
  })
  expect(figure).toMatchObject({ name: "six", servers: 6, agree: true, why: null })
  // The room's first four, five joins, three topics, and three messages of each server.
  expect(figure.events).toBe(4 + 5 + 3 + 3 * 6)
  for (const field of ["wallMs", "virtualMs", "requests", "rssMiB", "bytesPerServer"] as const)
    expect(figure[field]).toBeGreaterThan(0)
  expect([...chapters]).toEqual(["booting", "joining", "together", "apart", "healed"])
})

test("a day of faults ends in agreement, with as many events, on both transports", {
  timeout: 120_000,
}, async () => {
  const size = { name: "small day", servers: 6, events: 120, usersPerServer: 1 }
  for (const transport of ["direct", "http"] as const) {
    const figure = await runBenchWorld(day(size), { transport })
    expect(figure).toMatchObject({ name: "small day", transport, agree: true })
    expect(figure.events).toBeGreaterThanOrEqual(size.events + 2 * size.servers)
    expect(figure.virtualMs).toBeGreaterThan(24 * 3_600_000)
  }
})
