/** A thread that makes the lines of some rooms. It is asked for one stretch after the other, and waits in between. */
import { parentPort, workerData } from "node:worker_threads"
import { type CorpusLine, openRoom, type RoomLines, type RoomPlan } from "./room-lines.ts"
import type { RoomStart } from "./room-start.ts"

/** What a thread is given: its rooms with their places in the plan. */
export interface WorkerTask {
  readonly plan: RoomPlan
  readonly rooms: readonly { readonly nth: number; readonly start: RoomStart }[]
}

/** What it is asked: the prelude, or so many iterations more of each of its rooms. */
export type WorkerQuestion = "prelude" | number

/** The lines of one room in the stretch, end to end: small objects by the thousand are slow to hand over. */
export interface RoomStretch {
  readonly nth: number
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Of each line: its length, and those of its two parts. */
  readonly lengths: Uint32Array<ArrayBuffer>
  /** Of each line: its history, as JSON. */
  readonly histories: readonly string[]
}

const packed = (nth: number, lines: readonly CorpusLine[]): RoomStretch => {
  const bytes = new Uint8Array(lines.reduce((sum, { line }) => sum + line.length, 0))
  const lengths = new Uint32Array(lines.length * 3)
  let start = 0
  for (const [at, { line, headLength, bodyLength }] of lines.entries()) {
    bytes.set(line, start)
    start += line.length
    lengths.set([line.length, headLength, bodyLength], at * 3)
  }
  return { nth, bytes, lengths, histories: lines.map(({ history }) => JSON.stringify(history)) }
}

if (parentPort !== null) {
  const port = parentPort
  const { plan, rooms } = workerData as WorkerTask
  const opened: { readonly nth: number; readonly lines: RoomLines }[] = []
  port.on("message", (question: WorkerQuestion) => {
    if (opened.length === 0) {
      for (const { nth, start } of rooms) opened.push({ nth, lines: openRoom(plan, start, nth) })
    }
    const stretches = opened.map(({ nth, lines }) =>
      packed(
        nth,
        question === "prelude" ? lines.prelude : Array.from({ length: question }, lines.next).flat(),
      ),
    )
    port.postMessage(
      stretches,
      stretches.flatMap(({ bytes, lengths }) => [bytes.buffer, lengths.buffer]),
    )
  })
}
