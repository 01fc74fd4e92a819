/** Makes a corpus on all cores, and streams it to disk in an order that does not depend on how many there are. */
import { once } from "node:events"
import { createWriteStream } from "node:fs"
import { mkdir } from "node:fs/promises"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import type { RoomStretch, WorkerQuestion, WorkerTask } from "./corpus-worker.ts"
import { corpusFlows } from "./flows.ts"
import type { CorpusRoom } from "./format.ts"
import { originKey } from "./origin-identity.ts"
import type { CorpusPlan, LineHistory } from "./room-lines.ts"
import { RoomMaker } from "./room-maker.ts"
import { CorpusWriter, type EncodedRequest } from "./writer.ts"

/** What was made. */
export interface MadeCorpus {
  readonly requests: number
  readonly pdus: number
  readonly bytes: number
  readonly ms: number
}

export interface MakeOptions {
  /** Messages in each room before the run, where they are not the flow's own number. */
  readonly prelude?: number
  readonly workers?: number
  readonly onProgress?: (done: number, total: number) => void
}

/** Lines of a room are asked for in stretches of about so many PDUs, so that little of a corpus is in memory. */
const pdusOfStretch = 200

/**
 * Makes the corpus of `plan` in `directory`, and what the target must have taken before in `directory/prelude`. Beside
 * each lies `history.ndjson`, a line for each request: what it brings, and what the room must look like after it.
 */
export const makeCorpus = async (
  plan: CorpusPlan,
  directory: string,
  options: MakeOptions = {},
): Promise<MadeCorpus> => {
  const started = performance.now()
  const prelude = options.prelude ?? corpusFlows[plan.flow]!.rooms.prelude
  const threads = startThreads({ ...plan, prelude }, options.workers ?? availableParallelism())
  try {
    const before = await CorpusFiles.create(join(directory, "prelude"), plan, 1)
    for (const stretch of await ask(threads, "prelude")) {
      for (const line of linesOf(stretch)) await before.write(line)
    }
    await before.close()
    const { requestsPerIteration } = corpusFlows[plan.flow]!
    const files = await CorpusFiles.create(directory, plan, requestsPerIteration, before)
    const perRoom = Math.ceil(plan.iterations / plan.rooms.length)
    const length = Math.max(1, Math.floor(pdusOfStretch / pdusOfIteration(plan.flow)))
    let asked = ask(threads, Math.min(length, perRoom))
    for (let done = 0; done < perRoom; done += length) {
      const stretches = (await asked).map((stretch) => [...linesOf(stretch)])
      const left = perRoom - done - length
      if (left > 0) asked = ask(threads, Math.min(length, left))
      await writeInTurn(files, stretches, requestsPerIteration)
      options.onProgress?.(files.requests, perRoom * plan.rooms.length * requestsPerIteration)
    }
    await files.close()
    const { requests, pdus, bytes } = files
    return { requests, pdus, bytes, ms: performance.now() - started }
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()))
  }
}

const pdusOfIteration = (flow: string): number => (flow === "send-fifty" ? 50 : 1)

interface Line extends EncodedRequest {
  readonly history: string
}

/** An iteration of each room in turn. */
const writeInTurn = async (
  files: CorpusFiles,
  ofRooms: readonly (readonly Line[])[],
  perIteration: number,
): Promise<void> => {
  for (let at = 0; at < (ofRooms[0]?.length ?? 0); at += perIteration) {
    for (const lines of ofRooms) {
      for (const line of lines.slice(at, at + perIteration)) await files.write(line)
    }
  }
}

type ThreadPlan = WorkerTask["plan"] & Pick<CorpusPlan, "rooms">

const startThreads = ({ rooms, ...plan }: ThreadPlan, count: number): readonly Worker[] =>
  Array.from({ length: Math.min(count, rooms.length) }, (_, thread) => {
    const mine = rooms.flatMap((start, nth) => (nth % count === thread ? [{ nth, start }] : []))
    const task: WorkerTask = { plan, rooms: mine }
    return new Worker(new URL("./corpus-worker.ts", import.meta.url), { workerData: task })
  })

/** The answers of all threads, in the order of the rooms. */
const ask = async (threads: readonly Worker[], question: WorkerQuestion): Promise<readonly RoomStretch[]> => {
  const answers = await Promise.all(
    threads.map(async (thread) => {
      thread.postMessage(question)
      const [stretches] = (await once(thread, "message")) as [readonly RoomStretch[]]
      return stretches
    }),
  )
  return answers.flat().sort((a, b) => a.nth - b.nth)
}

function* linesOf({ bytes, lengths, histories }: RoomStretch): Generator<Line> {
  let start = 0
  for (const [at, history] of histories.entries()) {
    const [length, headLength, bodyLength] = lengths.subarray(at * 3, at * 3 + 3) as unknown as number[]
    const line = Buffer.from(bytes.buffer, start, length!)
    start += length!
    yield { line, headLength: headLength!, bodyLength: bodyLength!, history }
  }
}

/** A corpus with its history, being written. */
class CorpusFiles {
  requests = 0
  pdus = 0
  bytes = 0
  readonly #plan: CorpusPlan
  readonly #perIteration: number
  readonly #writer: CorpusWriter
  readonly #history: ReturnType<typeof createWriteStream>
  readonly #outcomes: Map<number, LineHistory>

  private constructor(
    plan: CorpusPlan,
    perIteration: number,
    writer: CorpusWriter,
    history: ReturnType<typeof createWriteStream>,
    outcomes: Map<number, LineHistory>,
  ) {
    this.#plan = plan
    this.#perIteration = perIteration
    this.#writer = writer
    this.#history = history
    this.#outcomes = outcomes
  }

  static async create(
    directory: string,
    plan: CorpusPlan,
    perIteration: number,
    before?: CorpusFiles,
  ): Promise<CorpusFiles> {
    await mkdir(directory, { recursive: true })
    const writer = await CorpusWriter.create(directory, plan.flow)
    const history = createWriteStream(join(directory, "history.ndjson"))
    return new CorpusFiles(
      plan,
      perIteration,
      writer,
      history,
      new Map(before === undefined ? [] : before.#outcomes),
    )
  }

  async write({ history, ...line }: Line): Promise<void> {
    const read = JSON.parse(history) as LineHistory
    if (read.tips !== undefined) this.#outcomes.set(read.room, read)
    this.requests += 1
    this.pdus += read.events.length
    this.bytes += line.line.length
    await this.#writer.write(line)
    if (!this.#history.write(`${history}\n`)) await once(this.#history, "drain")
  }

  /** Ends the files; from then on the corpus is usable. */
  async close(): Promise<void> {
    const { seed, target, origin } = this.#plan
    const flushed = once(this.#history, "finish")
    this.#history.end()
    await flushed
    await this.#writer.close({
      seed,
      target,
      origins: [origin],
      requests_per_iteration: this.#perIteration,
      pdus: this.pdus,
      rooms: this.#plan.rooms.map((start, nth): CorpusRoom => {
        const outcome = this.#outcomes.get(nth)
        const expected = outcome?.tips === undefined ? outcomeOfStart(this.#plan, nth) : outcome
        return {
          room_id: start.roomId,
          room_version: start.roomVersion,
          events: start.events.length,
          expected: { extremities: expected.tips!, state_digest: expected.state! },
        }
      }),
    })
  }
}

/** What a room looks like to which nothing is sent: the state after its last event stands for that before it. */
const outcomeOfStart = ({ rooms, seed, origin, target }: CorpusPlan, nth: number) => {
  const room = new RoomMaker(rooms[nth]!, seed, { origin, target, signingKey: originKey(seed, origin) })
  const tips = room.dag.forwardExtremities()
  return { tips, state: room.digestOf(room.dag.timeline(tips[0]!)!.stateBefore) }
}
