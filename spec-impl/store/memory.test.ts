/** The layer in memory keeps the contract of `EventStore`: whole groups, in order, by digest, across boots. */
import { Effect, Exit } from "effect"
import { describe, expect, it } from "vitest"
import type { JsonValue } from "../core/json/value.ts"
import type { EventWrite, StoreGroup } from "./event-store.ts"
import { MemoryDisk, memoryStore } from "./memory.ts"

const event = (eventId: string, more: Partial<EventWrite> = {}): EventWrite => ({
  roomId: "!r",
  eventId,
  pdu: { depth: 1 },
  verdict: "accepted",
  objection: undefined,
  restrictedJoinSigned: false,
  history: undefined,
  ...more,
})
const history = { stateBefore: "a", stateAfter: "b", claimedBy: undefined }
const room: StoreGroup = { rooms: [{ roomId: "!r", roomVersion: "11" }] }

const onDisk = (...groups: readonly StoreGroup[]) => {
  const disk = new MemoryDisk()
  for (const group of groups) Effect.runSync(memoryStore(disk).commit(group))
  return { disk, store: memoryStore(disk) }
}

describe("a group", () => {
  it("is kept whole, and found by the next boot", () => {
    const { store } = onDisk({
      ...room,
      events: [event("$a"), event("$b")],
      extremities: [{ roomId: "!r", eventIds: ["$b"] }],
    })
    const [kept] = Effect.runSync(store.rooms)
    expect(kept).toMatchObject({ roomId: "!r", roomVersion: "11", extremities: ["$b"] })
    expect(kept!.events.map(({ eventId }) => eventId)).toEqual(["$a", "$b"])
  })

  it("that forgets a room keeps of it what else the group says", () => {
    const before = { ...room, events: [event("$a")], extremities: [{ roomId: "!r", eventIds: ["$a"] }] }
    const anew = {
      forgottenRooms: ["!r"],
      rooms: [{ roomId: "!r", roomVersion: "12" }],
      events: [event("$b")],
    }
    const [kept] = Effect.runSync(onDisk(before, anew).store.rooms)
    expect(kept).toMatchObject({ roomVersion: "12", extremities: [] })
    expect(kept!.events.map(({ eventId }) => eventId)).toEqual(["$b"])
    expect(Effect.runSync(onDisk(before, { forgottenRooms: ["!r"] }).store.rooms)).toEqual([])
  })

  it("that cannot be kept leaves nothing behind", () => {
    const { store } = onDisk(room)
    const group: StoreGroup = {
      events: [event("$a"), event("$x", { roomId: "!unknown" })],
      answers: [{ origin: "s2", transactionId: "1", answer: { pdus: {} }, answeredTs: 1 }],
    }
    const exit = Effect.runSyncExit(store.commit(group))
    expect(Exit.isFailure(exit)).toBe(true)
    expect(Effect.runSync(store.rooms)[0]!.events).toEqual([])
    expect(Effect.runSync(store.answer("s2", "1"))).toBeUndefined()
  })
})

describe("events", () => {
  it("an outlier becomes history in its place, and history never an outlier", () => {
    const { store } = onDisk(
      { ...room, events: [event("$a"), event("$b")] },
      { events: [event("$a", { history })] },
      { events: [event("$a")] },
    )
    const { events } = Effect.runSync(store.rooms)[0]!
    expect(events.map(({ eventId, history: kept }) => [eventId, kept !== undefined])).toEqual([
      ["$a", true],
      ["$b", false],
    ])
  })
})

describe("states", () => {
  it("are all given as they were kept, each after what it is based on", () => {
    const [a, b] = [
      { digest: "b", basedOn: undefined, changes: [["t", "", "$1"]] },
      { digest: "a", basedOn: "b", changes: [["t", "", null]] },
    ] as const
    expect(Effect.runSync(onDisk({ states: [a, b] }, { states: [b, a] }).store.states)).toEqual([a, b])
  })

  it("rest on what is kept by then: never on each other", () => {
    const states = [
      { digest: "a", basedOn: "b", changes: [] },
      { digest: "b", basedOn: "a", changes: [] },
    ]
    const { store } = onDisk()
    expect(Exit.isFailure(Effect.runSyncExit(store.commit({ states })))).toBe(true)
    expect(Effect.runSync(store.state("b"))).toBeUndefined()
  })

  it("are whole whatever they were written as changes to", () => {
    const { store } = onDisk({
      states: [
        {
          digest: "a",
          basedOn: undefined,
          changes: [
            ["t", "2", "$1"],
            ["t", "\u{10000}", "$2"],
          ],
        },
        {
          digest: "b",
          basedOn: "a",
          changes: [
            ["t", "2", null],
            ["t", "\uE000", "$3"],
          ],
        },
      ],
    })
    expect(Effect.runSync(store.state("b"))).toEqual({
      digest: "b",
      basedOn: undefined,
      changes: [
        ["t", "\uE000", "$3"],
        ["t", "\u{10000}", "$2"],
      ],
    })
    expect(Effect.runSync(store.state("nowhere"))).toBeUndefined()
  })
})

describe("destinations", () => {
  it("have what was queued and not settled, in order, and what is in flight", () => {
    const inFlight = { transactionId: "t1", originServerTs: 1, events: [["!r", "$a"]], edus: [] } as const
    const { store } = onDisk(
      {
        destinations: [
          { destination: "s3", queued: [["!r", "$a"]] },
          {
            destination: "s2",
            queued: [
              ["!r", "$a"],
              ["!r", "$b"],
            ],
          },
        ],
      },
      { destinations: [{ destination: "s2", inFlight }] },
      { destinations: [{ destination: "s2", queued: [["!r", "$c"]], settled: [["!r", "$b"]] }] },
    )
    expect(Effect.runSync(store.destinations)).toEqual([
      {
        destination: "s2",
        unsent: [
          ["!r", "$a"],
          ["!r", "$c"],
        ],
        unsentEdus: [],
        inFlight,
      },
      { destination: "s3", unsent: [["!r", "$a"]], unsentEdus: [], inFlight: undefined },
    ])
  })

  it("that have got everything are not named", () => {
    const { store } = onDisk(
      { destinations: [{ destination: "s2", queued: [["!r", "$a"]] }] },
      { destinations: [{ destination: "s2", settled: [["!r", "$a"]], inFlight: null }] },
    )
    expect(Effect.runSync(store.destinations)).toEqual([])
  })
})

describe("answers", () => {
  it("are told by origin and id", () => {
    const answer = { pdus: { $a: {}, $b: { error: "no" } } }
    const { store } = onDisk({ answers: [{ origin: "s2", transactionId: "1", answer, answeredTs: 1 }] })
    expect(Effect.runSync(store.answer("s2", "1"))).toEqual(answer)
    expect(Effect.runSync(store.answer("s3", "1"))).toBeUndefined()
    expect(Effect.runSync(store.answer("s2", "2"))).toBeUndefined()
  })

  it("are forgotten when their time is over", () => {
    const answers = [1, 2, 3].map((answeredTs) => {
      return { origin: "s2", transactionId: `${answeredTs}`, answer: { pdus: {} }, answeredTs }
    })
    const { store } = onDisk({ answers }, { answersForgottenBefore: 3 })
    const told = answers.map(({ transactionId }) => Effect.runSync(store.answer("s2", transactionId)))
    expect(told).toEqual([undefined, undefined, { pdus: {} }])
  })
})

describe("what chapters keep", () => {
  it("is records by collection, and EDUs until they are settled", () => {
    const store = memoryStore(new MemoryDisk())
    const edu = { id: "d 1", edu: { edu_type: "m.device_list_update", content: {} } }
    const record = (key: string, value: JsonValue) => ({ collection: "devices", key, value })
    Effect.runSync(
      store.commit({
        records: [record("b", 1), record("\u{1F600}", 2), record("\uFFFD", 3), record("a", { x: [] })],
        destinations: [{ destination: "s2", queuedEdus: [edu, { ...edu, id: "d 2" }] }],
      }),
    )
    Effect.runSync(
      store.commit({
        records: [record("b", null)],
        destinations: [{ destination: "s2", settledEdus: ["d 2"] }],
      }),
    )
    expect(Effect.runSync(store.records("devices"))).toEqual([
      ["a", { x: [] }],
      ["\uFFFD", 3],
      ["\u{1F600}", 2],
    ])
    expect(Effect.runSync(store.records("profiles"))).toEqual([])
    expect(Effect.runSync(store.destinations)).toMatchObject([{ destination: "s2", unsentEdus: [edu] }])
  })
})

describe("bytes", () => {
  it("are kept by collection and key with the rest of their group, until they are taken out", () => {
    const write = (collection: string, key: string, bytes: Uint8Array | null) => ({ collection, key, bytes })
    const { disk, store } = onDisk({
      blobs: [
        write("media", "a", Uint8Array.of(1)),
        write("media", "b", Uint8Array.of(2)),
        write("other", "a", Uint8Array.of(3)),
      ],
    })
    const blob = (collection: string, key: string) => Effect.runSync(memoryStore(disk).blob(collection, key))
    expect([blob("media", "a"), blob("other", "a"), blob("media", "c")]).toEqual([
      Uint8Array.of(1),
      Uint8Array.of(3),
      undefined,
    ])
    Effect.runSync(
      store.commit({ blobs: [write("media", "a", null), write("media", "b", Uint8Array.of(4))] }),
    )
    expect([blob("media", "a"), blob("media", "b"), blob("other", "a")]).toEqual([
      undefined,
      Uint8Array.of(4),
      Uint8Array.of(3),
    ])
    Effect.runSyncExit(store.commit({ events: [event("$x")], blobs: [write("media", "b", null)] }))
    expect(blob("media", "b")).toEqual(Uint8Array.of(4))
  })
})
