import { it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import { expect } from "vitest"
import { type EventReference, StoreFailure, type StoreGroup } from "../store/event-store.ts"
import { MemoryDisk, memoryStore } from "../store/memory.ts"
import { type Destination, nothingFor } from "./destination.ts"
import { TransactionLog } from "./transaction-log.ts"

const referenceTo = (nth: number): EventReference => ["!r:s", `$${nth}`]
const edu = (id: string) => ({ id, edu: { edu_type: "x.test", content: {} } })

const destination = (name: string, nth: number, eduIds: readonly string[] = []): Destination => ({
  ...nothingFor(name),
  inFlight: {
    ...{ transactionId: `t${nth}`, originServerTs: nth },
    events: [referenceTo(nth)],
    edus: eduIds.map(edu),
  },
  sending: true,
})

const withLog = Effect.gen(function* () {
  const store = memoryStore(new MemoryDisk())
  const kept: StoreGroup[] = []
  const disk = { isFull: false }
  const sent: string[] = []
  const failed: string[] = []
  const commit = (group: StoreGroup) =>
    Effect.suspend(() => {
      if (disk.isFull) return new StoreFailure({ reason: "full", detail: "no space" })
      kept.push(group)
      return store.commit(group)
    })
  const log = new TransactionLog(
    yield* Effect.context<never>(),
    yield* Clock.Clock,
    { ...store, commit },
    {
      begin: () => undefined,
      send: (destinations) => void sent.push(...destinations.map(({ name }) => name)),
      failed: ({ name }) => void failed.push(name),
    },
  )
  return { log, store, kept, disk, sent, failed }
})

it.effect("transactions that begin together are kept in one group, and sent then", () =>
  Effect.gen(function* () {
    const { log, kept, sent } = yield* withLog
    for (const name of ["s2", "s3", "s4"]) log.begin(destination(name, 1))
    expect(sent).toEqual([])
    yield* TestClock.adjust(0)
    expect(kept.map(({ destinations }) => destinations?.map((write) => write.destination))).toEqual([
      ["s2", "s3", "s4"],
    ])
    expect(sent).toEqual(["s2", "s3", "s4"])
  }),
)

it.effect("what is acknowledged is kept with what begins next, or else within a second", () =>
  Effect.gen(function* () {
    const { log, kept, store } = yield* withLog
    log.begin(destination("s2", 1))
    yield* TestClock.adjust(0)
    log.acknowledged(destination("s2", 1))
    log.begin(destination("s3", 2))
    yield* TestClock.adjust(0)
    expect(kept[1]?.destinations).toMatchObject([
      { destination: "s3", inFlight: { transactionId: "t2" } },
      { destination: "s2", settled: [referenceTo(1)], inFlight: null },
    ])
    log.acknowledged(destination("s3", 2))
    yield* TestClock.adjust(999)
    expect(kept).toHaveLength(2)
    yield* TestClock.adjust(1)
    expect(kept[2]?.destinations).toMatchObject([{ destination: "s3", inFlight: null }])
    expect(yield* store.destinations).toEqual([])
    yield* TestClock.adjust(10_000)
    expect(kept).toHaveLength(3)
  }),
)

it.effect("of one destination the end of a transaction and the beginning of the next are one write", () =>
  Effect.gen(function* () {
    const { log, kept } = yield* withLog
    log.acknowledged(destination("s2", 1))
    log.begin(destination("s2", 2))
    yield* TestClock.adjust(0)
    expect(kept).toMatchObject([
      {
        destinations: [{ destination: "s2", settled: [referenceTo(1)], inFlight: { transactionId: "t2" } }],
      },
    ])
  }),
)

it.effect("an EDU that is kept anew is not over, though the one before it was acknowledged", () =>
  Effect.gen(function* () {
    const { log, kept } = yield* withLog
    log.acknowledged(destination("s2", 1, ["a", "b"]))
    log.keptAnew("s2", "a")
    yield* TestClock.adjust(1_000)
    expect(kept[0]?.destinations).toMatchObject([{ settledEdus: ["b"] }])
  }),
)

it.effect(
  "what is over for a destination may go with something else, unless an EDU of it could come anew",
  () =>
    Effect.gen(function* () {
      const { log, kept } = yield* withLog
      log.acknowledged(destination("s2", 1))
      log.acknowledged(destination("s3", 2, ["a"]))
      expect([log.isFree("s2"), log.isFree("s3"), log.isFree("s4")]).toEqual([true, false, true])
      const over = log.take("s2")!
      expect(over.events).toEqual([referenceTo(1)])
      yield* TestClock.adjust(1_000)
      expect(kept.map(({ destinations }) => destinations?.map((write) => write.destination))).toEqual([
        ["s3"],
      ])
      log.giveBack("s2", over)
      yield* TestClock.adjust(1_000)
      expect(kept[1]?.destinations).toMatchObject([{ destination: "s2", inFlight: null }])
    }),
)

it.effect("a store that fails loses nothing: who began is told, and what is over is kept later", () =>
  Effect.gen(function* () {
    const { log, kept, disk, sent, failed } = yield* withLog
    disk.isFull = true
    log.acknowledged(destination("s2", 1))
    log.begin(destination("s3", 2))
    yield* TestClock.adjust(0)
    expect({ sent, failed }).toEqual({ sent: [], failed: ["s3"] })
    disk.isFull = false
    yield* TestClock.adjust(1_000)
    expect(kept).toMatchObject([{ destinations: [{ destination: "s2", inFlight: null }] }])
  }),
)

it.effect("once it is ended it writes nothing", () =>
  Effect.gen(function* () {
    const { log, kept } = yield* withLog
    log.acknowledged(destination("s2", 1))
    log.begin(destination("s3", 2))
    yield* log.end
    yield* TestClock.adjust(5_000)
    expect(kept).toEqual([])
  }),
)
