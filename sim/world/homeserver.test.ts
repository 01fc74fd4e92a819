/** What a homeserver does of itself: sends, retries, catches up, fills gaps, keeps what it must. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { parseEvent } from "#spec-impl/core/event-format.ts"
import { contentHash } from "#spec-impl/core/hash.ts"
import { canonicalJson } from "#spec-impl/core/json/encode.ts"
import { isJsonObject, JsonFloat, type JsonValue } from "#spec-impl/core/json/value.ts"
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { roomVersions } from "#spec-impl/core/room-version.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import { synchronously } from "#spec-impl/homeserver/signatures/noble.ts"
import { MemoryDisk } from "#spec-impl/store/memory.ts"
import { stateByKey } from "../checks/agreement.ts"
import { replacingInAnswer, reply } from "../network/rules.ts"
import type { Played, PlayOptions } from "./testing/play.ts"
import { play, refusal } from "./testing/play.ts"
import { bootServer } from "./world.ts"

const dagOf = (played: Played, server: string, roomId: string) => {
  const dag = played.servers.get(server)?.rooms.find(roomId)?.dag
  if (dag === undefined) throw new Error(`${server} is not in ${roomId}`)
  return dag
}
const stateOn = (played: Played, server: string, roomId: string) => {
  const dag = dagOf(played, server, roomId)
  return stateByKey(dag, dag.currentState())
}
const timelineOn = (played: Played, server: string, roomId: string): readonly string[] =>
  [...dagOf(played, server, roomId).records()]
    .filter((record) => record.place === "timeline")
    .map((record) => record.event.eventId)
    .sort()

/** All that a server holds of a room, as plain data. */
const viewOf = (dag: RoomDag) => ({
  tips: dag.forwardExtremities(),
  state: stateByKey(dag, dag.currentState()),
  records: [...dag.records()].map((record) => [
    record.event.eventId,
    record.place,
    record.verdict,
    record.place === "timeline"
      ? [record.stateBefore.digest, record.stateAfter.digest, record.stateSource]
      : [],
  ]),
})

/** Alice (s1) makes a room, Bob (s2) and all others join. */
const inRoom = <A, E>(
  options: PlayOptions,
  story: (played: Played, roomId: string) => Effect.Effect<A, E>,
): Promise<A> =>
  play(options, (played) =>
    Effect.gen(function* () {
      const { stage } = played
      const roomId = yield* stage.user("@alice:s1").createRoom()
      for (const server of stage.servers.slice(1)) yield* stage.user(`@user:${server}`).join(roomId, "s1")
      yield* stage.quiet
      return yield* story(played, roomId)
    }),
  )

describe("in each room version", () => {
  for (const { id } of roomVersions) {
    it(`room ${id}: joins, messages both ways, and every event is what its id and hash say`, async () => {
      await inRoom({ roomVersion: id, servers: 3 }, (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          yield* stage.user("@alice:s1").say(roomId, "hello")
          yield* stage.user("@user:s2").say(roomId, "hello yourself")
          yield* stage
            .user("@user:s3")
            .setState(roomId, "m.room.member", { membership: "join", displayname: "U" }, "@user:s3")
          yield* stage.quiet
          expect(stateOn(played, "s2", roomId)).toEqual(stateOn(played, "s1", roomId))
          expect(stateOn(played, "s3", roomId)).toEqual(stateOn(played, "s1", roomId))
          const version = roomVersions.find((known) => known.id === id)!
          for (const { event } of dagOf(played, "s2", roomId).records()) {
            const parsed = parseEvent(event.pdu, version)
            expect("event" in parsed && parsed.event.eventId).toBe(event.eventId)
            const { hashes } = event.pdu
            expect(isJsonObject(hashes) && hashes.sha256).toBe(contentHash(event.pdu))
          }
        }),
      )
    })
  }
})

describe("what JSON can be", () => {
  it("an event nested ten thousand deep travels like any other", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        let deep: JsonValue = "bottom"
        for (let level = 0; level < 10_000; level++) deep = [deep]
        yield* stage.user("@alice:s1").setState(roomId, "deep", { deep })
        yield* stage.quiet
        const arrived = stage.stateOf("s2", roomId, "deep")
        expect(canonicalJson(arrived!.content)).toBe(canonicalJson({ deep }))
      }),
    )
  })

  it("rooms 1–5 carry floats and integers of any size, hashed and signed as they were written", async () => {
    await inRoom({ roomVersion: "5" }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const content = { float: new JsonFloat(0.5), huge: 2n ** 62n }
        yield* stage.user("@alice:s1").setState(roomId, "odd", content)
        yield* stage.quiet
        expect(canonicalJson(stage.stateOf("s2", roomId, "odd")!.content)).toBe(
          '{"float":0.5,"huge":4611686018427387904}',
        )
      }),
    )
  })

  it("rooms 6+ do not: who sends such an event is told", async () => {
    await inRoom({ roomVersion: "6" }, (played, roomId) =>
      Effect.gen(function* () {
        const odd = played.stage.user("@alice:s1").setState(roomId, "odd", { huge: 2n ** 62n })
        expect(String(yield* Effect.flip(odd))).toContain("M_BAD_JSON")
      }),
    )
  })
})

describe("what is sent", () => {
  it("a kicked server gets its own kick", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        yield* played.stage.user("@alice:s1").kick(roomId, "@user:s2")
        yield* played.stage.quiet
        const member = played.stage.stateOf("s2", roomId, "m.room.member", "@user:s2")
        expect(member?.content.membership).toBe("leave")
      }),
    )
  })

  it("after an outage: the same transaction again, and then the tips of what was missed", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage, kernel, servers } = played
        yield* stage.partition(["s1"], ["s2"])
        for (let count = 0; count < 30; count++) {
          yield* stage.user("@alice:s1").say(roomId, `message ${count}`)
          yield* stage.wait(300)
        }
        expect(servers.get("s1")!.destinations.unsent()).toMatchObject([{ destination: "s2", eventCount: 2 }])
        yield* stage.heal
        yield* stage.quiet
        expect(servers.get("s1")!.destinations.unsent()).toEqual([])
        expect(timelineOn(played, "s2", roomId)).toEqual(timelineOn(played, "s1", roomId))
        const sends = kernel.trace.records
          .filter(({ kind }) => kind === "request")
          .map(({ fields }) =>
            fields.find((field) => String(field).startsWith("/_matrix/federation/v1/send/")),
          )
          .filter((target) => target !== undefined)
        const [first] = sends
        expect(sends.filter((target) => target === first).length).toBeGreaterThan(1)
        expect(new Set(sends).size).toBe(2)
      }),
    )
  })

  it("what comes in from a server ends the wait to send to it", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        yield* stage.partition(["s1"], ["s2"])
        yield* stage.user("@alice:s1").say(roomId, "lost")
        yield* stage.wait(400_000)
        yield* stage.heal
        yield* stage.user("@user:s2").say(roomId, "back")
        yield* stage.wait(5_000)
        expect(servers.get("s1")!.destinations.unsent()).toEqual([])
      }),
    )
  })
})

describe("what is refused", () => {
  it("a room of a version that the joining server does not know", async () => {
    const settingsOf = (server: string) =>
      server === "s2" ? { roomVersions: roomVersions.slice(0, 10) } : {}
    await play({ settingsOf }, ({ stage }) =>
      Effect.gen(function* () {
        const roomId = yield* stage.user("@alice:s1").createRoom({ roomVersion: "12" })
        const refused = yield* refusal(stage.user("@bob:s2").join(roomId, "s1"))
        expect(refused).toBe("400 M_INCOMPATIBLE_ROOM_VERSION: the room is of version 12")
        const older = yield* stage.user("@alice:s1").createRoom({ roomVersion: "10" })
        yield* stage.user("@bob:s2").join(older, "s1")
      }),
    )
  })

  it("a join that the rules forbid, by the number of the rule", async () => {
    await play({}, ({ stage }) =>
      Effect.gen(function* () {
        const roomId = yield* stage.user("@alice:s1").createRoom({ joinRule: "invite" })
        expect(yield* refusal(stage.user("@bob:s2").join(roomId, "s1"))).toContain(
          "403 M_FORBIDDEN: rejected by 5.3.7",
        )
      }),
    )
  })

  it("a room that the resident server is not in, or that nobody names a way to", async () => {
    await play({}, ({ stage }) =>
      Effect.gen(function* () {
        const bob = stage.user("@bob:s2")
        expect(yield* refusal(bob.join("!nowhere:s1", "s1"))).toContain("404 M_NOT_FOUND")
        expect(yield* refusal(bob.join("!nowhere:s1"))).toContain("400 M_INVALID_PARAM")
        expect(yield* refusal(bob.say("!nowhere:s1", "hello"))).toContain("404 M_NOT_FOUND")
      }),
    )
  })

  it("what a user may not do, by the number of the rule; nothing of it is kept or sent", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage, network } = played
        const before = [timelineOn(played, "s2", roomId), network.requests()]
        const topic = stage.user("@user:s2").setState(roomId, "m.room.topic", { topic: "mine" })
        expect(yield* refusal(topic)).toContain("rejected by 8")
        expect(yield* refusal(stage.user("@nobody:s2").say(roomId, "hello"))).toContain("rejected by 6")
        expect(
          yield* refusal(stage.user("@alice:s1").setState(roomId, "x", { big: "x".repeat(70_000) })),
        ).toContain("413 M_TOO_LARGE")
        expect([timelineOn(played, "s2", roomId), network.requests()]).toEqual(before)
      }),
    )
  })
})

describe("what is received", () => {
  const silent = { source: "s2", path: /\/get_missing_events\// }

  /** s2 misses `count` messages, and then gets one. */
  const withGap = (count: number, played: Played, roomId: string) =>
    Effect.gen(function* () {
      const { stage } = played
      yield* stage.partition(["s1"], ["s2"])
      for (let number = 0; number < count; number++) {
        yield* stage.user("@alice:s1").say(roomId, `message ${number}`)
        yield* stage.wait(300)
      }
      yield* stage.heal
      yield* stage.quiet
    })

  it("a small gap is filled by get_missing_events alone", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        yield* withGap(8, played, roomId)
        const asked = played.kernel.trace.records.flatMap(({ fields }) => fields.map(String))
        expect(asked.some((field) => field.includes("/get_missing_events/"))).toBe(true)
        expect(asked.some((field) => field.includes("/state_ids/"))).toBe(false)
        expect(timelineOn(played, "s2", roomId).length).toBe(9)
      }),
    )
  })

  it("a large one by the state at its edge, and by backfill behind it", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        yield* withGap(40, played, roomId)
        const asked = played.kernel.trace.records.flatMap(({ fields }) => fields.map(String))
        expect(asked.some((field) => field.includes("/state_ids/"))).toBe(true)
        expect(asked.some((field) => field.includes("/backfill/"))).toBe(true)
        expect(timelineOn(played, "s2", roomId)).toEqual(timelineOn(played, "s1", roomId))
        expect(dagOf(played, "s2", roomId).forwardExtremities().length).toBe(1)
      }),
    )
  })

  it("a told state without the room's create event is none: what comes after it waits for a better one", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const undo = yield* stage.fault({ fault: "holed-state", keysShare: 1 })
        yield* withGap(40, played, roomId)
        expect(timelineOn(played, "s2", roomId).length).toBeLessThan(5)
        yield* undo
        yield* stage.user("@alice:s1").say(roomId, "once more")
        yield* stage.quiet
        expect(timelineOn(played, "s2", roomId)).toEqual(timelineOn(played, "s1", roomId))
      }),
    )
  })

  it("history behind a gap is asked for again, of whoever is in the room, until it is there", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const refusing = {
          fault: "refused-endpoint",
          servers: ["s1"],
          endpoints: ["backfill"],
          status: 500,
        } as const
        const undo = yield* stage.fault(refusing)
        yield* stage.partition(["s1"], ["s2"])
        for (let number = 0; number < 40; number++) yield* stage.user("@alice:s1").say(roomId, `${number}`)
        yield* stage.heal
        yield* stage.wait(60_000)
        expect(timelineOn(played, "s2", roomId).length).toBeLessThan(20)
        yield* undo
        yield* stage.quiet
        expect(timelineOn(played, "s2", roomId)).toEqual(timelineOn(played, "s1", roomId))
      }),
    )
  })

  it("an event whose gap nobody fills is dropped, or taken with the state that its sender tells: a reading", async () => {
    for (const [unfillableGap, held] of [
      ["drop", false],
      ["accept", true],
    ] as const) {
      const { readingsDefault } = await import("#spec-impl/core/readings.ts")
      const settings = { readings: { ...readingsDefault, unfillableGap } }
      await inRoom({ settings }, (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          yield* stage.rule("silence", silent, reply(200, { events: [] }))
          yield* withGap(3, played, roomId)
          const tips = dagOf(played, "s1", roomId).forwardExtremities()
          expect(timelineOn(played, "s2", roomId).includes(tips[0]!)).toBe(held)
        }),
      )
    }
  })
})

describe("keys of a server that is gone", () => {
  /** s3 speaks and is cut off for good; then s2, which has never seen its key, joins by way of s1. */
  const joinAfterwards = (notaries: readonly string[]) =>
    play({ servers: 3, settings: { notaries } }, (played) =>
      Effect.gen(function* () {
        const { stage } = played
        const roomId = yield* stage.user("@alice:s1").createRoom()
        yield* stage.user("@carol:s3").join(roomId, "s1")
        yield* stage.quiet
        yield* stage.partition(["s1", "s2"], ["s3"])
        yield* stage.user("@bob:s2").join(roomId, "s1")
        return stage.stateOf("s2", roomId, "m.room.member", "@carol:s3")?.content.membership
      }),
    )

  it("are not to be had, and its events are dropped", async () => {
    expect(await joinAfterwards([])).toBeUndefined()
  })

  it("are vouched for by a notary that has them", async () => {
    expect(await joinAfterwards(["s1"])).toBe("join")
  })

  it("are not taken from a notary whose signature does not hold", async () => {
    await play({ servers: 3, settings: { notaries: ["s1"] } }, ({ stage }) =>
      Effect.gen(function* () {
        const roomId = yield* stage.user("@alice:s1").createRoom()
        yield* stage.user("@carol:s3").join(roomId, "s1")
        yield* stage.quiet
        yield* stage.partition(["s1", "s2"], ["s3"])
        // The keys as s3 gave them, but for the name that s1 gives for its own signature.
        const unsigned = replacingInAnswer('"s1":{"ed25519', '"s9":{"ed25519')
        yield* stage.rule("lying notary", { path: /^\/_matrix\/key\/v2\/query/ }, unsigned)
        yield* stage.user("@bob:s2").join(roomId, "s1")
        expect(stage.stateOf("s2", roomId, "m.room.member", "@carol:s3")).toBeUndefined()
      }),
    )
  })
})

describe("a restart", () => {
  it("finds rooms, states and what was still to be sent as they were, and goes on", async () => {
    await play({ servers: 1 }, ({ kernel, network, servers, stage }) =>
      Effect.gen(function* () {
        const disk = new MemoryDisk()
        const parts = {
          kernel,
          network,
          disk,
          settings: {},
          signatures: synchronously(nativeSignatures("libsodium")),
        }
        const alice = stage.user("@alice:s1")
        const roomId = yield* alice.createRoom()
        const before = yield* Effect.scoped(
          Effect.gen(function* () {
            const { users, rooms, destinations } = yield* bootServer("s2", parts)
            yield* users.join("@bob:s2", roomId, ["s1"])
            yield* alice.setState(roomId, "m.room.topic", { topic: "before" })
            yield* Effect.sleep(5_000)
            yield* stage.partition(["s1"], ["s2"])
            for (let count = 0; count < 3; count++) {
              yield* users.send("@bob:s2", roomId, "m.room.message", { body: `unsent ${count}` })
              yield* Effect.sleep(500)
            }
            expect(destinations.unsent().length).toBe(1)
            return viewOf(rooms.find(roomId)!.dag)
          }),
        )
        yield* stage.heal
        const again = yield* bootServer("s2", parts)
        expect(viewOf(again.rooms.find(roomId)!.dag)).toEqual(before)
        yield* Effect.sleep(30_000)
        yield* again.users.send("@bob:s2", roomId, "m.room.message", { body: "back" })
        yield* Effect.sleep(30_000)
        expect(again.destinations.unsent()).toEqual([])
        const tips = servers.get("s1")!.rooms.find(roomId)!.dag.forwardExtremities()
        expect(tips).toEqual(again.rooms.find(roomId)!.dag.forwardExtremities())
      }).pipe(Effect.scoped),
    )
  })
})

describe("more than twenty tips", () => {
  it("an event cites twenty of them, chosen by the seed, and the next ones take in the rest", async () => {
    const servers = 23
    const citedWith = (seed: number) =>
      inRoom({ servers, seed }, (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          yield* stage.partition(...stage.servers.map((server) => [server]))
          for (const server of stage.servers.slice(1))
            yield* stage.user(`@user:${server}`).say(roomId, `from ${server}`)
          yield* stage.heal
          yield* stage.quiet
          expect(dagOf(played, "s1", roomId).forwardExtremities().length).toBe(servers - 1)
          const event = yield* stage.user("@alice:s1").say(roomId, "so many")
          expect(event.prevEvents.length).toBe(20)
          yield* stage.user("@alice:s1").say(roomId, "and the rest")
          expect(dagOf(played, "s1", roomId).forwardExtremities().length).toBe(1)
          return event.prevEvents.length
        }),
      )
    expect(await citedWith(1)).toBe(20)
  })
})
