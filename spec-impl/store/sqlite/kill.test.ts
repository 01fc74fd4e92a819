/** `kill -9` at any time loses nothing that was acknowledged (issue 5, Done when 2). */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { keptRooms } from "../testing/kept-rooms.ts"
import { makeSqliteStore } from "./sqlite-store.ts"
import { temporaryFiles } from "./testing/files.ts"

const newFile = temporaryFiles()
const committing = fileURLToPath(new URL("testing/committing.ts", import.meta.url))
const fibers = 4
const kills = 5

/** Kills the process once it has acknowledged so many groups, and tells the last of each fiber. */
const killedAfter = async (filename: string, groups: number): Promise<ReadonlyMap<string, number>> => {
  const child = spawn(process.execPath, [committing, filename, String(fibers)], {
    stdio: ["ignore", "pipe", "inherit"],
  })
  let text = ""
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk
    if (text.split("\n").length > groups) child.kill("SIGKILL")
  })
  const [, signal] = await once(child, "close")
  expect(signal).toBe("SIGKILL")
  const lines = text.split("\n").slice(0, -1)
  return new Map(lines.map((line) => line.split(" ") as [string, string]).map(([at, n]) => [at, Number(n)]))
}

describe("a process that is killed", () => {
  it(`leaves whole groups, and all that it acknowledged, ${kills} times over`, async () => {
    const filename = newFile()
    for (let round = 0; round < kills; round++) {
      const acknowledged = await killedAfter(filename, 20 + 37 * round)
      const [numbers, rooms] = await Effect.runPromise(
        Effect.scoped(
          Effect.flatMap(makeSqliteStore({ filename }), (store) =>
            Effect.all([store.records("numbers"), keptRooms(store)]),
          ),
        ),
      )
      for (const [fiber, number] of numbers) {
        const kept = Number(number)
        expect(kept - (acknowledged.get(fiber) ?? kept)).toBeOneOf([0, 1])
        const room = rooms.find(({ roomId }) => roomId === `!${fiber}`)
        expect(room?.events.map(({ eventId }) => eventId)).toEqual(
          Array.from({ length: kept }, (_, at) => [`$${at + 1} a`, `$${at + 1} b`]).flat(),
        )
        expect(room?.extremities).toEqual([`$${kept} b`])
      }
      expect(numbers.map(([fiber]) => fiber)).toEqual(expect.arrayContaining([...acknowledged.keys()]))
    }
  })
})
