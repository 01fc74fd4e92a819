/**
 * What the corpus will have sent in the origin's name. The origin is asked for little of it, so it takes into its rooms
 * what comes before an event only when somebody names that event.
 */
import { Effect, Semaphore } from "effect"
import { isJsonObject, type JsonObject } from "#spec-impl/core/json/value.ts"
import { readJson } from "#spec-impl/federation/json-body.ts"
import { CorpusReader } from "../corpus/reader.ts"

/** Puts events into a room of the origin, in order; those that are there already stay. */
export type Hold = (roomId: string, pdus: readonly JsonObject[]) => Effect.Effect<void>

interface Line {
  readonly corpus: CorpusReader
  readonly line: number
}

/** The lines of one room, and how many of them the origin has taken in. */
interface RoomPast {
  readonly roomId: string
  readonly lines: Line[]
  taken: number
}

const eventIds = /\$[A-Za-z0-9_+/=-]+(?::[A-Za-z0-9.:[\]-]+)?/g

export class OwnPast {
  readonly #hold: Hold
  readonly #rooms = new Map<string, RoomPast>()
  readonly #places = new Map<string, { readonly room: RoomPast; readonly at: number }>()
  readonly #taking = Semaphore.makeUnsafe(1)
  readonly #opened: CorpusReader[] = []

  constructor(hold: Hold) {
    this.#hold = hold
  }

  /** Learns what a corpus brings, after what was learnt before. */
  async learn(directory: string): Promise<void> {
    const corpus = await CorpusReader.open(directory)
    this.#opened.push(corpus)
    let line = 0
    for await (const { room: nth, events } of corpus.history()) {
      const roomId = corpus.manifest.rooms[nth]!.room_id
      const room = this.#rooms.get(roomId) ?? { roomId, lines: [], taken: 0 }
      this.#rooms.set(roomId, room)
      if (events.length > 0) {
        for (const eventId of events) this.#places.set(eventId, { room, at: room.lines.length })
        room.lines.push({ corpus, line })
      }
      line += 1
    }
  }

  /** Takes in all that comes before the events that a request names, and these themselves. */
  readonly upTo = (target: string, body: string): Effect.Effect<void> => {
    const named = `${decodeURIComponent(target)} ${body}`.match(eventIds) ?? []
    const places = named.flatMap((eventId) => this.#places.get(eventId) ?? [])
    const needed = places.filter(({ room, at }) => at >= room.taken)
    if (needed.length === 0) return Effect.void
    const take = Effect.gen({ self: this }, function* () {
      for (const { room, at } of needed) {
        while (room.taken <= at) {
          const { corpus, line } = room.lines[room.taken]!
          const request = yield* Effect.promise(() => corpus.read(line))
          yield* this.#hold(room.roomId, pdusOf(request.endpoint, request.body ?? "{}"))
          room.taken += 1
        }
      }
    })
    return Semaphore.withPermits(this.#taking, 1)(take)
  }

  /** How many lines the origin has had to take in. */
  get taken(): number {
    return [...this.#rooms.values()].reduce((sum, { taken }) => sum + taken, 0)
  }

  async close(): Promise<void> {
    await Promise.all(this.#opened.map((corpus) => corpus.close()))
  }
}

/** A transaction's, or the join of a `send_join`. */
const pdusOf = (endpoint: string, body: string): readonly JsonObject[] => {
  const content = readJson(Buffer.from(body))
  if (!isJsonObject(content)) return []
  return endpoint === "send" ? (content.pdus as readonly JsonObject[]) : [content]
}
