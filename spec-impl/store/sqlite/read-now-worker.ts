/** The thread of `read-now.ts`: answers one question after the other, and wakes up who waits for it. */
import { workerData } from "node:worker_threads"
import sqlite3 from "sqlite3"
import type { Answer, Question, ReadNowTask, Row } from "./read-now.ts"

const { filename, busyTimeoutMs, port, answered } = workerData as ReadNowTask

const answer = (given: Answer): void => {
  port.postMessage(given)
  Atomics.add(answered, 0, 1)
  Atomics.notify(answered, 0)
}

const database = new sqlite3.Database(filename, sqlite3.OPEN_READONLY, (problem) => {
  if (problem === null) database.configure("busyTimeout", busyTimeoutMs)
  const statement = database.prepare(
    "SELECT room_id, event_id, data FROM events WHERE room_id = ? AND event_id IN (SELECT value FROM json_each(?))",
  )
  port.on("message", ({ number, roomId, eventIds }: Question) => {
    if (problem !== null) return answer({ number, problem: problem.message })
    statement.all<Row>([roomId, JSON.stringify(eventIds)], (error, rows) =>
      answer(error === null ? { number, rows } : { number, problem: error.message }),
    )
  })
})
