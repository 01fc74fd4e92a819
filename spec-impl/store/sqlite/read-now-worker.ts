/** The thread of `read-now.ts`: answers one question after the other, and wakes up who waits for it. */
import { workerData } from "node:worker_threads"
import sqlite3 from "sqlite3"
import type { Answer, Question, ReadNowTask } from "./read-now.ts"

const { filename, busyTimeoutMs, port, answered } = workerData as ReadNowTask

const answer = (given: Answer): void => {
  port.postMessage(given)
  Atomics.add(answered, 0, 1)
  Atomics.notify(answered, 0)
}

const database = new sqlite3.Database(filename, sqlite3.OPEN_READONLY, (problem) => {
  if (problem === null) database.configure("busyTimeout", busyTimeoutMs)
  const statement = database.prepare(
    "SELECT room_id, event_id, data FROM events WHERE room_id = ? AND event_id = ?",
  )
  port.on("message", ({ number, roomId, eventId }: Question) => {
    if (problem !== null) return answer({ number, problem: problem.message })
    // `get` would leave the statement open, and with it what it sees of the database.
    statement.all<NonNullable<Answer["row"]>>([roomId, eventId], (error, [row] = []) =>
      answer(error === null ? { number, row } : { number, problem: error.message }),
    )
  })
})
