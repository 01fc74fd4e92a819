/**
 * What two homeservers in one process hold in memory, on SQLite, while one sends the other ever more events:
 * `node --expose-gc loadtest/bench/memory.ts [events] [rooms] [messages held]`. One line each tenth.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer } from "effect"
import type { Event } from "#spec-impl/core/event.ts"
import { layerNative } from "#spec-impl/homeserver/signatures/native.ts"
import { layerSqliteStore } from "#spec-impl/store/sqlite/sqlite-store.ts"
import { type Neighbour, startNeighbour } from "./neighbours.ts"

const alice = "@alice:sender.test"
const mebibytes = (bytes: number): string => (bytes / 1_048_576).toFixed(1)

/** Of a hundred events: two change the room's state, three are reactions, one redacts; the others are messages. */
const say = ({ users }: Neighbour, roomId: string, nth: number, earlier: Event | undefined) => {
  if (nth % 50 === 7) return users.setState(alice, roomId, "m.room.topic", "", { topic: `topic ${nth}` })
  if (nth % 100 === 13 && earlier !== undefined) return users.redact(alice, roomId, earlier.eventId)
  if (nth % 33 === 21 && earlier !== undefined) {
    const relation = { rel_type: "m.annotation", event_id: earlier.eventId, key: `${nth}` }
    return users.send(alice, roomId, "m.reaction", { "m.relates_to": relation })
  }
  return users.send(alice, roomId, "m.room.message", {
    msgtype: "m.text",
    body: `this is message ${nth}, and it says about as much as people say`,
  })
}

const countOf = ({ rooms }: Neighbour): number =>
  rooms.all().reduce((sum, { timeline }) => sum + timeline.length, 0)
const evictedOf = ({ rooms }: Neighbour): number =>
  rooms.all().reduce((sum, { dag }) => sum + dag.held.evicted.size, 0)

const measure = (directory: string, events: number, roomCount: number, heldMessagesMax: number) =>
  Effect.gen(function* () {
    const street = new Map<string, Neighbour>()
    const start = (name: string) =>
      startNeighbour(`${name}.test`, street, {
        layerSignatures: layerNative("libsodium"),
        layerStore: Layer.orDie(layerSqliteStore({ filename: join(directory, `${name}.db`) })),
        settings: { heldMessagesMax },
      })
    const [sender, receiver] = [yield* start("sender"), yield* start("receiver")]
    const roomIds: string[] = []
    for (let at = 0; at < roomCount; at++) {
      const roomId = yield* sender.users.createRoom(alice, { roomVersion: "11" })
      yield* receiver.users.join("@bob:receiver.test", roomId, ["sender.test"])
      roomIds.push(roomId)
    }
    const report = Effect.sync(() => {
      for (let round = 0; round < 3; round++) globalThis.gc?.()
      const { heapUsed, arrayBuffers, rss } = process.memoryUsage()
      const { user, system } = process.cpuUsage()
      const row = [
        ...[countOf(receiver), evictedOf(receiver)],
        ...[mebibytes(heapUsed), mebibytes(arrayBuffers), mebibytes(rss)],
        ...[mebibytes(statSync(join(directory, "receiver.db")).size), ((user + system) / 1e6).toFixed(0)],
      ]
      console.log(`| ${row.join(" | ")} |`)
    })
    console.log("| events | evicted | heap MiB | array buffers MiB | RSS MiB | database MiB | CPU s |")
    yield* report
    // What came before the receiver is none of its timeline.
    const before = countOf(sender) - countOf(receiver)
    const behind = () => countOf(sender) - countOf(receiver) - before
    const step = Math.ceil(events / 10)
    const earlier = new Map<string, Event>()
    for (let round = 1; round * roomCount <= events; round++) {
      const sendTo = Effect.fnUntraced(function* (roomId: string, at: number) {
        const nth = round * roomCount + at
        const event = yield* say(sender, roomId, nth, earlier.get(roomId))
        // One that was redacted is not redacted again, and nothing is said of a redaction.
        if (nth % 40 < roomCount && event.redacts === undefined) earlier.set(roomId, event)
      })
      yield* Effect.forEach(roomIds, sendTo, { concurrency: "unbounded", discard: true })
      while (behind() > 500) yield* Effect.sleep(1)
      if (round % Math.ceil(step / roomCount) !== 0) continue
      while (behind() > 0) yield* Effect.sleep(10)
      yield* report
    }
    readBack(receiver)
  })

/** Reads all that was evicted, as whoever goes through the history does, and then one here and one there. */
const readBack = ({ rooms }: Neighbour): void => {
  const microsecondsEach = (what: string, read: () => number): void => {
    const start = process.cpuUsage()
    const count = read()
    const { user, system } = process.cpuUsage(start)
    console.log(`${what}: ${count}, ${Math.round((user + system) / Math.max(count, 1))} µs of CPU each`)
  }
  const dags = rooms.all().map(({ dag }) => dag)
  microsecondsEach("read one after the other", () =>
    dags.reduce((sum, dag) => sum + [...dag.records()].length - [...dag.held.allInMemory()].length, 0),
  )
  microsecondsEach("read here and there", () => {
    let count = 0
    for (const { held } of dags) {
      for (let at = held.evicted.size - 1; at > 0; at = Math.floor(at * 0.9) - 5, count++) {
        held.record(held.evicted.eventId(at))
      }
    }
    return count
  })
}

const [events = 20_000, rooms = 8, held = 5_000] = process.argv.slice(2).map(Number)
const directory = mkdtempSync(join(tmpdir(), "netsplit-memory-"))
try {
  await Effect.runPromise(Effect.scoped(measure(directory, events, rooms, held)))
} finally {
  rmSync(directory, { recursive: true })
}
