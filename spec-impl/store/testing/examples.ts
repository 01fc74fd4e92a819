/** What the contract of `EventStore` says, by example: each holds for every layer, now and after the next boot. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { JsonFloat, type JsonValue } from "../../core/json/value.ts"
import { pageBytes } from "../../core/paging/pages.ts"
import type { EventStore, EventWrite, StoreFailure, StoreGroup } from "../event-store.ts"
import { type Disk, event, onDisk } from "./disk.ts"
import { keptRooms } from "./kept-rooms.ts"

const history = { stateBefore: "a", stateAfter: "b", claimedBy: undefined }
const room: StoreGroup = { rooms: [{ roomId: "!r", roomVersion: "11" }] }

/** Tests of one layer. `makeDisk` gives an empty one each time. */
export const describeExamples = (makeDisk: () => Disk): void => {
  /** What the next boot tells, after each group was kept. */
  const toldAfter = <A>(
    groups: readonly StoreGroup[],
    read: (store: EventStore["Service"]) => Effect.Effect<A, StoreFailure>,
  ): Promise<A> => {
    const disk = makeDisk()
    return Effect.runPromise(
      Effect.andThen(
        onDisk(disk, (store) => Effect.forEach(groups, store.commit, { discard: true })),
        onDisk(disk, read),
      ),
    )
  }

  describe("a group", () => {
    it("is kept whole, and found by the next boot", async () => {
      const group = {
        ...room,
        events: [event("$a"), event("$b")],
        extremities: [{ roomId: "!r", eventIds: ["$b"] }],
      }
      const [kept] = await toldAfter([group], keptRooms)
      expect(kept).toMatchObject({ roomId: "!r", roomVersion: "11", extremities: ["$b"] })
      expect(kept!.events.map(({ eventId }) => eventId)).toEqual(["$a", "$b"])
    })

    it("keeps the positions of events, and none for those that have none", async () => {
      const group = { ...room, events: [event("$a", { history, position: -3 }), event("$b")] }
      const [kept] = await toldAfter([group], keptRooms)
      expect(kept!.events.map(({ position }) => position)).toEqual([-3, undefined])
    })

    it("that forgets a room keeps of it what else the group says", async () => {
      const before = { ...room, events: [event("$a")], extremities: [{ roomId: "!r", eventIds: ["$a"] }] }
      const anew = {
        forgottenRooms: ["!r"],
        rooms: [{ roomId: "!r", roomVersion: "12" }],
        events: [event("$b")],
      }
      const [kept] = await toldAfter([before, anew], keptRooms)
      expect(kept).toMatchObject({ roomVersion: "12", extremities: [] })
      expect(kept!.events.map(({ eventId }) => eventId)).toEqual(["$b"])
      expect(await toldAfter([before, { forgottenRooms: ["!r"] }], keptRooms)).toEqual([])
    })
  })

  describe("events", () => {
    it("an outlier becomes history in its place, and history never an outlier", async () => {
      const [kept] = await toldAfter(
        [
          { ...room, events: [event("$a"), event("$b")] },
          { events: [event("$a", { history })] },
          { events: [event("$a")] },
        ],
        keptRooms,
      )
      expect(kept!.events.map(({ eventId, history: known }) => [eventId, known !== undefined])).toEqual([
        ["$a", true],
        ["$b", false],
      ])
    })

    it("is told at once by its room and id, as soon as it is committed and as it was last", async () => {
      const odd = { pdu: { content: { body: '\u0000 \ud800 \\ "' } }, position: 7 }
      const asked = (store: EventStore["Service"]) =>
        Effect.gen(function* () {
          yield* store.commit({ ...room, events: [event("$a", odd), event("$\ud800")] })
          const first = store.eventsNow("!r", ["$a"])
          yield* store.commit({ events: [event("$a", { history })] })
          return [first, store.eventsNow("!r", ["$b", "$a"]), store.eventsNow("!r", ["$\ud800"])]
        })
      const told = await Effect.runPromise(onDisk(makeDisk(), asked))
      expect(told).toEqual([[event("$a", odd)], [event("$a", { history })], [event("$\ud800")]])
      expect(await toldAfter([room], (store) => Effect.sync(() => store.eventsNow("!r", ["$b"])))).toEqual([])
    })

    const many = (count: number, more: (nth: number) => Partial<EventWrite>) =>
      Array.from({ length: count }, (_, nth) => event(`$${nth}`, more(nth)))

    const odd = ["é\u0000", "\ud800", '\u{10000}"\\', new JsonFloat(1), 2n ** 70n, "plain"]

    it("that are many are kept like few, of two rooms and whatever is in them", async () => {
      const events = many(300, (nth) => ({
        roomId: nth < 200 ? "!r" : "!\ud800é",
        pdu: { body: odd[nth % odd.length]! },
        ...(nth % 7 === 0 ? { history, position: nth } : {}),
      }))
      const other = { roomId: "!\ud800é", roomVersion: "12" }
      const kept = await toldAfter([{ rooms: [...room.rooms!, other], events }], keptRooms)
      const byRoom = (roomId: string) => kept.find((one) => one.roomId === roomId)!.events
      expect([...byRoom("!r"), ...byRoom(other.roomId)]).toEqual(events)
    })

    it.each([3, 150])(
      "that were foreseen are kept once they come, each time, and not before: %d",
      async (count) => {
        const events = many(count, (nth) => ({ pdu: { body: odd[nth % odd.length]! } }))
        const told = await toldAfter([room], (store) =>
          Effect.gen(function* () {
            store.prepare(events.map(({ pdu }) => pdu))
            const [before] = yield* keptRooms(store)
            yield* store.commit({ events })
            yield* store.commit({ events: events.map((kept) => ({ ...kept, history })) })
            const [after] = yield* keptRooms(store)
            return [before!.events, after!.events]
          }),
        )
        expect(told).toEqual([[], events.map((kept) => ({ ...kept, history }))])
      },
    )

    it("that are many replace what is held as few do", async () => {
      const before = { ...room, events: [event("$0", { history }), event("$1", { pdu: { depth: 2 } })] }
      const [kept] = await toldAfter([before, { events: many(150, () => ({})) }], keptRooms)
      expect(kept!.events.slice(0, 3)).toEqual([event("$0", { history }), event("$1"), event("$2")])
      expect(kept!.events.length).toBe(150)
    })

    it("that are many are kept with all else of their group, or none of it is", async () => {
      const record = { collection: "c", key: "k", value: 1 }
      const told = await toldAfter([{ ...room, records: [record], events: many(120, () => ({})) }], (store) =>
        Effect.gen(function* () {
          const strays = many(120, (nth) => ({ roomId: nth === 119 ? "!not-held" : "!r", pdu: { nth } }))
          const failure = yield* Effect.orDie(
            Effect.flip(store.commit({ events: strays, records: [{ ...record, value: 2 }] })),
          )
          return [failure.reason, yield* store.records("c"), store.eventsNow("!r", ["$0"])]
        }),
      )
      expect(told).toEqual(["broken", [["k", 1]], [event("$0")]])
    })

    it("leave room for pages, each of which is as it was written last until the store ends", async () => {
      const disk = makeDisk()
      const pageOf = (byte: number) => new Uint8Array(pageBytes).fill(byte)
      const read = (store: EventStore["Service"], page: number) => {
        const bytes = new Uint8Array(pageBytes)
        store.scratch.read(page, bytes)
        return bytes
      }
      const use = onDisk(disk, (store) =>
        Effect.sync(() => {
          expect(() => read(store, 0)).toThrow()
          for (const [page, byte] of [
            [0, 1],
            [700, 2],
            [3, 3],
            [0, 4],
          ] as const) {
            const bytes = pageOf(byte)
            store.scratch.write(page, bytes)
            bytes.fill(99)
          }
          expect([0, 700, 3].map((page) => read(store, page))).toEqual([4, 2, 3].map(pageOf))
        }),
      )
      await Effect.runPromise(use)
      await Effect.runPromise(use)
    })

    it("with a state key are told before all others where they are asked for", async () => {
      const state = event("$a", { pdu: { state_key: "" } })
      const told: string[] = []
      await toldAfter([{ ...room, events: [event("$b"), state] }], (store) =>
        store.events("state", ({ eventId }) => void told.push(eventId)),
      )
      expect(told).toEqual(["$a"])
    })

    it("committed again is the copy that counts, as when it is redacted", async () => {
      const redacted = { content: {} }
      const groups = [
        { ...room, events: [event("$a", { history })] },
        { events: [event("$a", { history, pdu: redacted })] },
      ]
      const [kept] = await toldAfter(groups, keptRooms)
      expect(kept!.events.map(({ pdu }) => pdu)).toEqual([redacted])
    })
  })

  it("states rest on what is kept by then: never on each other", async () => {
    const states = [
      { digest: "a", basedOn: "b", changes: [] },
      { digest: "b", basedOn: "a", changes: [] },
    ]
    const commit = onDisk(makeDisk(), (store) => Effect.flip(store.commit({ states })))
    expect(await Effect.runPromise(commit)).toMatchObject({ reason: "broken" })
  })

  it("states are all given as they first came, each after what it is based on", async () => {
    const b = { digest: "b", basedOn: undefined, changes: [["t", "\u{10000}", "$1"]] } as const
    const a = { digest: "a", basedOn: "b", changes: [["t", "\u{10000}", null]] } as const
    const groups = [{ states: [b] }, { states: [a, { ...b, changes: [] }] }]
    expect(await toldAfter(groups, (store) => store.states)).toEqual([b, a])
  })

  describe("destinations", () => {
    it("have what was queued and not settled, in order, and what is in flight", async () => {
      const inFlight = { transactionId: "t1", originServerTs: 1, events: [["!r", "$a"]], edus: [] } as const
      const queued = [
        ["!r", "$a"],
        ["!r", "$b"],
      ] as const
      const groups: StoreGroup[] = [
        {
          destinations: [
            { destination: "s3", queued: [["!r", "$a"]] },
            { destination: "s2", queued },
          ],
        },
        { destinations: [{ destination: "s2", inFlight }] },
        { destinations: [{ destination: "s2", queued: [["!r", "$c"]], settled: [["!r", "$b"]] }] },
      ]
      const unsent = [
        ["!r", "$a"],
        ["!r", "$c"],
      ]
      expect(await toldAfter(groups, (store) => store.destinations)).toEqual([
        { destination: "s2", unsent, unsentEdus: [], inFlight },
        { destination: "s3", unsent: [["!r", "$a"]], unsentEdus: [], inFlight: undefined },
      ])
    })

    it("that have got everything are not named", async () => {
      const groups: StoreGroup[] = [
        { destinations: [{ destination: "s2", queued: [["!r", "$a"]] }] },
        { destinations: [{ destination: "s2", settled: [["!r", "$a"]], inFlight: null }] },
      ]
      expect(await toldAfter(groups, (store) => store.destinations)).toEqual([])
    })
  })

  describe("answers", () => {
    it("are told by origin and id", async () => {
      const answer = { pdus: { $a: {}, $b: { error: "no" } } }
      const group = { answers: [{ origin: "s2", transactionId: "1", answer, answeredTs: 1 }] }
      const read = (store: EventStore["Service"]) =>
        Effect.all([store.answer("s2", "1"), store.answer("s3", "1"), store.answer("s2", "2")])
      expect(await toldAfter([group], read)).toEqual([answer, undefined, undefined])
    })

    it("are forgotten when their time is over", async () => {
      const answers = [1, 2, 3].map((answeredTs) => {
        return { origin: "s2", transactionId: `${answeredTs}`, answer: { pdus: {} }, answeredTs }
      })
      const told = await toldAfter([{ answers }, { answersForgottenBefore: 3 }], (store) =>
        Effect.forEach(answers, ({ transactionId }) => store.answer("s2", transactionId)),
      )
      expect(told).toEqual([undefined, undefined, { pdus: {} }])
    })
  })

  it("what chapters keep is records by collection, and EDUs until they are settled", async () => {
    const edu = { id: "d 1", edu: { edu_type: "m.device_list_update", content: {} }, replaces: "d 0" }
    const record = (key: string, value: JsonValue) => ({ collection: "devices", key, value })
    const groups: StoreGroup[] = [
      {
        records: [record("b", 1), record("\u{1F600}", 2), record("\uFFFD", 3), record("a", { x: [] })],
        destinations: [{ destination: "s2", queuedEdus: [edu, { ...edu, id: "d 2" }] }],
      },
      {
        records: [record("b", null)],
        destinations: [{ destination: "s2", settledEdus: ["d 2", "never queued"] }],
      },
    ]
    const told = await toldAfter(groups, (store) =>
      Effect.all([store.records("devices"), store.records("profiles"), store.destinations]),
    )
    expect(told).toMatchObject([
      [
        ["a", { x: [] }],
        ["\uFFFD", 3],
        ["\u{1F600}", 2],
      ],
      [],
      [{ destination: "s2", unsentEdus: [edu] }],
    ])
  })

  it("bytes are kept by collection and key with the rest of their group, until they are taken out", async () => {
    const write = (collection: string, key: string, bytes: Uint8Array | null) => ({ collection, key, bytes })
    const blobs = [
      write("media", "a", Uint8Array.of(1)),
      write("media", "b", Uint8Array.of(2)),
      write("other", "a", Uint8Array.of(3)),
    ]
    const read = (store: EventStore["Service"]) =>
      Effect.all([store.blob("media", "a"), store.blob("media", "b"), store.blob("other", "a")])
    expect(await toldAfter([{ blobs }], read)).toEqual([Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)])
    const changed = { blobs: [write("media", "a", null), write("media", "b", new Uint8Array())] }
    expect(await toldAfter([{ blobs }, changed], read)).toEqual([
      undefined,
      new Uint8Array(),
      Uint8Array.of(3),
    ])
  })
}
