/**
 * `node committing.ts FILE FIBERS`: a process that is there to be killed. Each of its fibers commits one group after the
 * other, and says `<fiber> <number>` on stdout once that is acknowledged; it goes on from what it finds.
 */
import { writeSync } from "node:fs"
import { Effect } from "effect"
import { event } from "../../testing/disk.ts"
import { makeSqliteStore } from "../sqlite-store.ts"

/** Group `number` of a fiber: two events and a record that tells of them, in a room of the fiber's own. */
const groupOf = (fiber: string, number: number) => {
  const roomId = `!${fiber}`
  const eventId = (half: string) => `$${number} ${half}`
  return {
    rooms: [{ roomId, roomVersion: "11" }],
    events: [event(eventId("a"), { roomId }), event(eventId("b"), { roomId })],
    extremities: [{ roomId, eventIds: [eventId("b")] }],
    records: [{ collection: "numbers", key: fiber, value: number }],
  }
}

const [filename = "", fibers = "1"] = process.argv.slice(2)
const main = Effect.gen(function* () {
  const store = yield* makeSqliteStore({ filename })
  const found = new Map(yield* store.records("numbers"))
  const commits = Array.from({ length: Number(fibers) }, (_, at) =>
    Effect.gen(function* () {
      for (let number = Number(found.get(String(at)) ?? 0) + 1; ; number++) {
        yield* store.commit(groupOf(String(at), number))
        writeSync(1, `${at} ${number}\n`)
      }
    }),
  )
  yield* Effect.all(commits, { concurrency: "unbounded" })
})
Effect.runFork(Effect.scoped(main))
