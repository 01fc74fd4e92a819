/** Each fault of the protocol does what it says, and is over once it is undone. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { encodeBase64 } from "#spec-impl/core/base64.ts"
import type { Event } from "#spec-impl/core/event.ts"
import { type Played, play, refusal } from "../../world/testing/play.ts"
import type { Transport } from "../../world/world.ts"
import type { Fault } from "../catalogue.ts"
import { inRoom, say, shows, userOf } from "../testing/with-fault.ts"

const transports: readonly Transport[] = ["http", "direct"]

const recordsOn = ({ servers }: Played, server: string, roomId: string) => [
  ...servers.get(server)!.rooms.find(roomId)!.dag.records(),
]

/**
 * s3 is cut off while the others talk on, more than one request for missing events can bring; then it hears the
 * last of it and asks for the state in the gap.
 */
const acrossGap = (
  {
    topics = ["one", "two"],
    before = [],
    ...options
  }: {
    readonly transport: Transport
    readonly seed?: number
    readonly roomVersion?: string
    readonly topics?: readonly string[]
    readonly before?: readonly Fault[]
  },
  fault: Fault,
  story: (played: Played, roomId: string) => Effect.Effect<void, unknown>,
) =>
  inRoom({ servers: 3, ...options }, (played, roomId) =>
    Effect.gen(function* () {
      const { stage } = played
      const first = stage.user(userOf("s1"))
      for (const topic of topics) yield* first.setState(roomId, "m.room.topic", { topic })
      for (const earlier of before) yield* stage.fault(earlier)
      yield* stage.quiet
      yield* stage.partition(["s1", "s2"], ["s3"])
      for (let nth = 1; nth <= 16; nth++) yield* say(played, "s2", roomId, `${nth}`)
      yield* say(played, "s3", roomId, "is anybody there?")
      yield* stage.fault(fault)
      yield* stage.heal
      yield* say(played, "s2", roomId, "welcome back")
      yield* stage.wait(60_000)
      yield* story(played, roomId)
    }),
  )

/** What s3 was told of the topic where it did not know itself. */
const claimedTopics = (played: Played, roomId: string): readonly unknown[] => {
  const { dag } = played.servers.get("s3")!.rooms.find(roomId)!
  return recordsOn(played, "s3", roomId).flatMap((record) =>
    record.place === "timeline" && record.stateSource.kind === "claimed"
      ? [dag.eventIn(record.stateBefore, "m.room.topic", "")?.content.topic]
      : [],
  )
}

describe("stale-state", () => {
  it("tells what was there before, of a part of the keys", async () => {
    for (const transport of transports) {
      const always = {
        fault: "stale-state",
        between: [
          ["s1", "s3"],
          ["s2", "s3"],
        ],
        keysShare: 1,
      } as const
      await acrossGap({ transport }, always, (played, roomId) =>
        Effect.sync(() => expect(claimedTopics(played, roomId).at(-1)).toBe("one")),
      )
      await acrossGap({ transport }, { ...always, keysShare: 0 }, (played, roomId) =>
        Effect.sync(() => expect(claimedTopics(played, roomId).at(-1)).toBe("two")),
      )
    }
  })

  it("leaves nothing to chance where it says of which types, and of when", async () => {
    const tells = async (fault: Omit<Extract<Fault, { fault: "stale-state" }>, "fault">, topic: string) => {
      const topics = ["one", "two", "three"]
      await acrossGap(
        { transport: "direct", topics },
        { fault: "stale-state", keysShare: 1, ...fault },
        (played, roomId) => Effect.sync(() => expect(claimedTopics(played, roomId).at(-1)).toBe(topic)),
      )
    }
    await tells({ types: ["m.room.topic"], which: "first" }, "one")
    await tells({ types: ["m.room.topic"], which: "last" }, "two")
    await tells({ types: ["m.room.name"], which: "first" }, "three")
  })

  it("tells of what it rejected, where it is told to", async () => {
    const forged: Fault = {
      fault: "hostile-event",
      server: "s3",
      acts: ["join-rules-without-power"],
      towards: ["s2"],
    }
    const told: Fault = {
      fault: "stale-state",
      types: ["m.room.join_rules"],
      keysShare: 1,
      which: "rejected",
    }
    await acrossGap({ transport: "direct", before: [forged] }, told, (played, roomId) =>
      Effect.sync(() => {
        const rejected = recordsOn(played, "s2", roomId).filter(({ verdict }) => verdict === "rejected")
        const leftOut = recordsOn(played, "s3", roomId).flatMap((record) =>
          record.place === "timeline" && record.stateSource.kind === "claimed"
            ? (record.stateSource.leftOut ?? [])
            : [],
        )
        expect(leftOut).toEqual(rejected.map(({ event }) => event.eventId))
        expect(leftOut).toHaveLength(1)
      }),
    )
  })

  it("by itself, with nothing shaped for it, finds the phantom join rules in room 10, never in room 12", async () => {
    const seedsFor = async (roomVersion: string): Promise<readonly number[]> => {
      const found: number[] = []
      for (let seed = 1; seed <= 25; seed++) {
        const isLost = await play({ roomVersion, servers: 3, seed, transport: "direct" }, ({ stage }) =>
          Effect.gen(function* () {
            const alice = stage.user("@alice:s1")
            const users = { ...(roomVersion === "12" ? {} : { "@alice:s1": 100 }), "@bob:s2": 100 }
            const room = yield* alice.createRoom({ roomVersion, powerLevels: { users } })
            for (const guest of ["@bob:s2", "@carol:s3", "@dora:s1"])
              yield* stage.user(guest).join(room, "s1")
            yield* alice.setState(room, "m.room.join_rules", { join_rule: "invite" })
            yield* alice.leave(room)
            yield* stage.quiet
            yield* stage.partition(["s1", "s2"], ["s3"])
            for (let nth = 1; nth <= 16; nth++) yield* stage.user("@bob:s2").say(room, `${nth}`)
            yield* stage.user("@carol:s3").say(room, "is anybody there?")
            yield* stage.fault({ fault: "stale-state" })
            yield* stage.heal
            yield* stage.user("@bob:s2").say(room, "welcome back")
            yield* stage.wait(600_000)
            return stage.stateOf("s3", room, "m.room.join_rules") === undefined
          }),
        )
        if (isLost) found.push(seed)
      }
      return found
    }
    expect((await seedsFor("10")).length).toBeGreaterThan(0)
    expect(await seedsFor("12")).toEqual([])
  })
})

describe("holed-state", () => {
  it("leaves out what is of those types, where it says so", async () => {
    for (const [type, topic] of [
      ["m.room.topic", undefined],
      ["m.room.name", "two"],
    ] as const) {
      const fault = { fault: "holed-state", keysShare: 1, types: [type] } as const
      await acrossGap({ transport: "direct" }, fault, (played, roomId) =>
        Effect.sync(() => expect(claimedTopics(played, roomId)).toContain(topic)),
      )
    }
  })

  it("leaves out part of the state, or of the auth chain", async () => {
    for (const transport of transports) {
      await acrossGap({ transport }, { fault: "holed-state", keysShare: 0.5 }, (played, roomId) =>
        Effect.sync(() => {
          const { dag } = played.servers.get("s3")!.rooms.find(roomId)!
          const claimed = recordsOn(played, "s3", roomId).filter(
            (record) => record.place === "timeline" && record.stateSource.kind === "claimed",
          )
          for (const record of claimed) {
            if (record.place !== "timeline") continue
            const sizes = [record.stateBefore, dag.currentState()].map(
              (state) => dag.eventIdsIn(state).length,
            )
            expect(sizes[0]).toBeLessThan(sizes[1]!)
          }
        }),
      )
    }
  })
})

describe("withheld-events", () => {
  /** Messages that s3 missed, and then one that it hears. */
  const missed = (
    fault: Fault,
    story: (played: Played, roomId: string, said: readonly Event[]) => Effect.Effect<void, unknown>,
    transport: Transport,
  ) =>
    inRoom({ servers: 3, transport }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const undo = yield* stage.fault(fault)
        yield* stage.partition(["s1", "s2"], ["s3"])
        const said: Event[] = []
        // The first is on its way already when the link is found cut, and so is sent again whatever comes.
        for (let nth = 1; nth <= 4; nth++) said.push(yield* say(played, "s1", roomId, `${nth}`))
        yield* stage.quiet
        yield* stage.heal
        said.push(yield* say(played, "s1", roomId, "last"))
        yield* stage.wait(120_000)
        yield* story(played, roomId, said)
        yield* undo
        const after = yield* say(played, "s2", roomId, "and on")
        yield* stage.wait(7_200_000)
        expect(shows(played, "s3", roomId, after)).toBe(true)
      }),
    )

  it("has others do without events in the history", async () => {
    for (const transport of transports) {
      const withheld = { fault: "withheld-events", servers: ["s1", "s2"], share: 1 } as const
      const heard = (played: Played, roomId: string, said: readonly Event[]) =>
        said.map((event) => shows(played, "s3", roomId, event))
      await missed(
        withheld,
        (played, roomId, said) =>
          Effect.sync(() => expect(heard(played, roomId, said).slice(1, 3)).toEqual([false, false])),
        transport,
      )
      await missed(
        { ...withheld, towards: ["s2"] },
        (played, roomId, said) =>
          Effect.sync(() => expect(heard(played, roomId, said)).toEqual([true, true, true, true, true])),
        transport,
      )
    }
  })

  it("has others do without auth events: who joins gets no chain that holds them", async () => {
    for (const transport of transports) {
      await play({ servers: 3, transport }, (played) =>
        Effect.gen(function* () {
          const { stage } = played
          const roomId = yield* stage.user("@alice:s1").createRoom()
          const withheld = {
            fault: "withheld-events",
            servers: ["s1"],
            what: "auth-events",
            share: 1,
          } as const
          const { eventId } = yield* stage.user("@bob:s2").join(roomId, "s1")
          const chain = played.servers
            .get("s2")!
            .client.call("s1", (api) => api.history.eventAuth({ params: { roomId, eventId } }))
            .pipe(Effect.map(({ auth_chain }) => (Array.isArray(auth_chain) ? auth_chain.length : undefined)))
          expect(yield* chain).toBeGreaterThan(2)
          const undo = yield* stage.fault(withheld)
          expect(yield* chain).toBe(0)
          yield* Effect.exit(stage.user("@carol:s3").join(roomId, "s1"))
          yield* undo
          yield* stage.user("@carol:s3").join(roomId, "s1")
          yield* stage.quiet
          expect(stage.stateOf("s3", roomId, "m.room.member", "@carol:s3")?.content.membership).toBe("join")
        }),
      )
    }
  })
})

describe("refused-endpoint", () => {
  it("is refused to those who are named, until it is undone", async () => {
    for (const transport of transports) {
      await play({ servers: 3, transport }, ({ stage }) =>
        Effect.gen(function* () {
          const roomId = yield* stage.user("@alice:s1").createRoom()
          const undo = yield* stage.fault({
            fault: "refused-endpoint",
            servers: ["s1"],
            towards: ["s2"],
            endpoints: ["make_join"],
          })
          expect(yield* refusal(stage.user("@bob:s2").join(roomId, "s1"))).toContain("M_FORBIDDEN")
          yield* stage.user("@carol:s3").join(roomId, "s1")
          yield* undo
          yield* stage.user("@bob:s2").join(roomId, "s1")
        }),
      )
    }
  })
})

describe("servers that are asked for help", () => {
  it("policy-server-unreachable: nothing can be said in its rooms", async () => {
    const settingsOf = (server: string) => (server === "s2" ? { policy: () => undefined } : {})
    await play({ servers: 2, settingsOf }, (played) =>
      Effect.gen(function* () {
        const { stage } = played
        const alice = stage.user("@alice:s1")
        const roomId = yield* alice.createRoom()
        yield* stage.user("@watch:s2").join(roomId, "s1")
        const key = encodeBase64(played.servers.get("s2")!.identity.policyServerKey!.publicKey)
        yield* alice.setState(roomId, "m.room.policy", { via: "s2", public_keys: { ed25519: key } })
        yield* stage.quiet
        yield* alice.say(roomId, "recommended")
        const undo = yield* stage.fault({ fault: "policy-server-unreachable", servers: ["s2"] })
        const acting = yield* Effect.exit(alice.say(roomId, "by nobody"))
        expect(acting._tag).toBe("Failure")
        yield* undo
        yield* alice.say(roomId, "recommended again")
      }),
    )
  })

  it("identity-server-unreachable: nobody is invited by address", async () => {
    await play({ servers: 2, identityServers: ["id1"] }, ({ stage }) =>
      Effect.gen(function* () {
        const alice = stage.user("@alice:s1")
        const roomId = yield* alice.createRoom({ joinRule: "invite" })
        const invite = alice.inviteByEmail(roomId, "carol@example.org", "id1")
        for (const servers of [["id1"], undefined]) {
          const fault = { fault: "identity-server-unreachable", ...(servers && { servers }) } as const
          const undo = yield* stage.fault(fault)
          expect((yield* Effect.exit(invite))._tag).toBe("Failure")
          yield* undo
        }
        yield* invite
      }),
    )
  })
})
