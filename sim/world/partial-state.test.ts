/** Joins with partial state (MSC3706, MSC3902): what is left out, what works meanwhile, how the rest is had. */
import { Context, Effect, Fiber } from "effect"
import { describe, expect, it } from "vitest"
import { eventIdOf } from "#spec-impl/core/event-id.ts"
import { canonicalJson } from "#spec-impl/core/json/encode.ts"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { authChain } from "#spec-impl/core/room-dag/walks.ts"
import { roomVersion, roomVersions } from "#spec-impl/core/room-version.ts"
import { Receipts } from "#spec-impl/federation/receipts/receipts.ts"
import { Typing } from "#spec-impl/federation/typing/typing.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import { synchronously } from "#spec-impl/homeserver/signatures/noble.ts"
import { MemoryDisk } from "#spec-impl/store/memory.ts"
import { stateByKey } from "../checks/agreement.ts"
import { findInconsistencies } from "../checks/room-consistency.ts"
import { drop, type RuleAction } from "../network/rules.ts"
import { pushEdus } from "./testing/devices.ts"
import { alterAnswer, madeJoin, sentJoin } from "./testing/handshake.ts"
import { derek, joined, nothing, ofState, withoutState } from "./testing/partial-room.ts"
import { type Played, play, refusal } from "./testing/play.ts"
import { roomOn, stateOn, verdictOn, viewOf } from "./testing/views.ts"
import { bootServer } from "./world.ts"

describe("a resident server that may leave members out", () => {
  /** What s2 gets for a join to a room of so many users of s1. */
  const answered = (
    options: { readonly name?: string; readonly omitMembers: boolean; readonly joinFirst?: boolean },
    members: number,
  ) =>
    play({ servers: 2, roomVersion: "11" }, (played) =>
      Effect.gen(function* () {
        const { stage } = played
        const named = { type: "m.room.name", stateKey: "", content: { name: options.name ?? "" } }
        const initialState = options.name === undefined ? [] : [named]
        const roomId = yield* stage.user("@alice:s1").createRoom({ initialState })
        for (let nth = 1; nth < members; nth++) {
          yield* stage.user(`@user${nth}:s1`).join(roomId)
          yield* stage.wait(10)
        }
        yield* stage.user("@alice:s1").kick(roomId, "@user1:s1")
        const join = yield* madeJoin(played, roomId, "@bob:s2", "s1")
        const how = { roomId, from: "s2", via: "s1", omitMembers: options.omitMembers }
        const answer = yield* sentJoin(played, join, how)
        const { dag } = roomOn(played, "s1", roomId)
        const idOf = (pdu: JsonObject) => eventIdOf(pdu, roomVersion("11")!)!
        const stateIds = answer.state.map(idOf)
        const chainIds = answer.auth_chain.map(idOf)
        const wanted = new Set(authChain(dag, [...stateIds, join.eventId]).map(({ eventId }) => eventId))
        expect([...wanted].filter((id) => !stateIds.includes(id) && !chainIds.includes(id))).toEqual([])
        return {
          members: answer.state
            .filter(({ type }) => type === "m.room.member")
            .map(({ state_key }) => String(state_key))
            .sort(),
          others: answer.state.filter(({ type }) => type !== "m.room.member").length,
          twice: chainIds.filter((id) => stateIds.includes(id)).length,
          omitted: answer.members_omitted,
          servers: answer.servers_in_room,
          again: canonicalJson(yield* sentJoin(played, join, how)) === canonicalJson(answer),
        }
      }),
    )

  it("leaves none out where it is not asked to", async () => {
    const told = await answered({ omitMembers: false }, 8)
    expect(told).toMatchObject({ omitted: false, servers: ["s1"], again: true })
    expect(told.members).toHaveLength(8)
  })

  it("leaves all out of a room with a name, and says nothing twice", async () => {
    const told = await answered({ name: "the room", omitMembers: true }, 8)
    expect(told).toEqual({ members: [], others: 4, twice: 0, omitted: true, servers: ["s1"], again: true })
  })

  it("tells the first five of who is there where the room has no name, or an empty one", async () => {
    for (const name of [{}, { name: "" }]) {
      const told = await answered({ ...name, omitMembers: true }, 8)
      const heroes = ["@alice:s1", "@user2:s1", "@user3:s1", "@user4:s1", "@user5:s1"]
      expect(told).toMatchObject({ members: heroes, twice: 0, omitted: true })
    }
  })
})

describe("in partial state", () => {
  for (const { id } of roomVersions) {
    it(`room ${id}: users talk both ways and set state, and the rest comes afterwards`, async () => {
      await joined(
        id,
        nothing,
        (played, roomId) =>
          Effect.gen(function* () {
            const { stage } = played
            const room = roomOn(played, "s3", roomId)
            expect(room.dag.eventIn(room.dag.currentState(), "m.room.member", derek)).toBeUndefined()
            const mine = yield* stage.user("@nina:s3").say(roomId, "hello from outside")
            const topic = yield* stage.user(derek).setState(roomId, "m.room.topic", { topic: "a newcomer" })
            yield* stage.wait(3_000)
            for (const server of ["s1", "s2", "s4"])
              expect(verdictOn(played, server, roomId, mine.eventId)).toBe("accepted")
            expect(verdictOn(played, "s3", roomId, topic.eventId)).toBe("accepted")
            expect(room.partial).toBeDefined()
          }),
        (played, roomId) =>
          Effect.sync(() => expect(stateOn(played, "s3", roomId)).toEqual(stateOn(played, "s1", roomId))),
      )
    })
  }

  it("others are not let in by this server, and not told a state that it does not know", async () => {
    await joined(
      "11",
      nothing,
      (played, roomId) =>
        Effect.gen(function* () {
          const { client } = played.servers.get("s4")!
          const [tip] = roomOn(played, "s3", roomId).dag.forwardExtremities()
          const params = { roomId, userId: "@gina:s4" }
          const about = { params: { roomId }, query: { event_id: tip! } }
          const answers = [
            yield* refusal(
              client.call("s3", (api) => api.rooms.makeJoin({ params, query: { ver: ["11"] } })),
            ),
            yield* refusal(
              client.call("s3", (api) => api.rooms.makeKnock({ params, query: { ver: ["11"] } })),
            ),
            yield* refusal(client.call("s3", (api) => api.rooms.makeLeave({ params }))),
            yield* refusal(client.call("s3", (api) => api.history.stateIds(about))),
            yield* refusal(client.call("s3", (api) => api.history.state(about))),
          ]
          expect(answers.map((answer) => answer.slice(0, 15))).toEqual(answers.map(() => "404 M_NOT_FOUND"))
        }),
      nothing,
    )
  })

  it("servers that were said to be in the room are given its events, whole", async () => {
    await joined(
      "11",
      nothing,
      (played, roomId) =>
        Effect.gen(function* () {
          const said = yield* played.stage.user("@nina:s3").say(roomId, "as I said")
          const { pdus } = yield* played.servers
            .get("s2")!
            .client.call("s3", (api) => api.history.event({ params: { eventId: said.eventId } }))
          expect(pdus[0]!.content).toEqual(said.content)
        }),
      nothing,
    )
  })

  it("the policy server counts as being in the room though nobody told of its user, and is asked", async () => {
    await joined(
      "11",
      ({ stage }, roomId) => {
        const public_keys = { ed25519: stage.policyServerKeyOf("s2") }
        return stage.user("@alice:s1").setState(roomId, "m.room.policy", { via: "s2", public_keys })
      },
      ({ stage }, roomId) =>
        Effect.gen(function* () {
          const said = yield* stage.user("@nina:s3").say(roomId, "hello")
          expect(said.pdu.signatures).toMatchObject({ s2: { "ed25519:policy_server": expect.any(String) } })
          expect(yield* refusal(stage.user("@nina:s3").say(roomId, "spam"))).toContain("400 M_FORBIDDEN")
        }),
      nothing,
      (server) =>
        server === "s2" ? { policy: ({ content }) => (content.body === "spam" ? "no" : undefined) } : {},
    )
  })

  it("what users of servers in the room do in passing is believed, though they were not told of", async () => {
    await joined(
      "11",
      nothing,
      (played, roomId) =>
        Effect.gen(function* () {
          const { services } = played.servers.get("s3")!
          const typing = (user_id: string) =>
            ["m.typing", { room_id: roomId, user_id, typing: true }] as const
          const read = (userId: string) =>
            [
              "m.receipt",
              { [roomId]: { "m.read": { [userId]: { event_ids: ["$e"], data: { ts: 5 } } } } },
            ] as const
          yield* pushEdus(played, "s2", "s3", typing(derek), read(derek), typing("@alice:s1"))
          yield* pushEdus(played, "s4", "s3", typing("@mallory:s4"), read("@mallory:s4"))
          expect(yield* Context.get(services, Typing).typingIn(roomId)).toEqual([derek])
          expect(Context.get(services, Receipts).receiptsIn(roomId)).toMatchObject([{ userId: derek }])
        }),
      nothing,
    )
  })

  it("what needs a membership that is not known waits for it: a ban is not run into", async () => {
    await joined(
      "11",
      (played, roomId) => played.stage.user("@alice:s1").ban(roomId, "@mallory:s4"),
      (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          const invite = yield* Effect.forkChild(
            refusal(stage.user("@nina:s3").invite(roomId, "@mallory:s4")),
          )
          yield* stage.user("@gina:s3").join(roomId).pipe(Effect.forkChild)
          yield* stage.wait(3_000)
          expect(roomOn(played, "s3", roomId).partial).toBeDefined()
          return invite
        }),
      (played, roomId, invite) =>
        Effect.gen(function* () {
          expect(yield* Fiber.join(invite)).toContain("403 M_FORBIDDEN")
          const gina = played.stage.stateOf("s1", roomId, "m.room.member", "@gina:s3")
          expect(gina?.content.membership).toBe("join")
        }),
    )
  })
})

describe("the rest of the state", () => {
  it("comes from another server where the first one is gone, or tells a state that is none", async () => {
    const lies: Readonly<Record<string, (roomId: string, played: Played) => RuleAction>> = {
      gone: () => drop,
      "without the create event": (roomId, played) => {
        const create = roomOn(played, "s1", roomId).dag.create()!.eventId
        return alterAnswer((told) => ({
          ...told,
          pdu_ids: (told.pdu_ids as string[]).filter((id) => id !== create),
        }))
      },
      "an event that nobody holds": () =>
        alterAnswer((told) => ({ ...told, pdu_ids: [...(told.pdu_ids as string[]), `$${"x".repeat(43)}`] })),
      "a hole in the auth chain (I16)": () =>
        alterAnswer((told) => ({
          ...told,
          auth_chain_ids: [...(told.auth_chain_ids as string[]), `$${"y".repeat(43)}`],
        })),
    }
    for (const [name, lie] of Object.entries(lies)) {
      await joined(
        "11",
        nothing,
        (played, roomId) => played.stage.rule(name, { ...ofState, destination: "s1" }, lie(roomId, played)),
        (played, roomId) =>
          Effect.sync(() => {
            const { dag } = roomOn(played, "s3", roomId)
            const sources = [...dag.records()].flatMap((record) =>
              record.place === "timeline" && record.stateSource.kind === "claimed"
                ? record.stateSource.by
                : [],
            )
            expect([name, sources]).toEqual([name, ["s2"]])
            expect(stateOn(played, "s3", roomId)).toEqual(stateOn(played, "s2", roomId))
          }),
      )
    }
  })

  it("is asked for again with growing waits, and after a restart: nothing of what came meanwhile is forgotten", async () => {
    await play({ servers: 2, roomVersion: "12" }, (played) =>
      Effect.gen(function* () {
        const { kernel, network, stage } = played
        const disk = new MemoryDisk()
        const settings = { partialStateJoins: true }
        const signatures = synchronously(nativeSignatures("libsodium"))
        const parts = { kernel, network, disk, settings, signatures }
        const initialState = [{ type: "m.room.name", stateKey: "", content: { name: "the room" } }]
        const roomId = yield* stage.user("@alice:s1").createRoom({ initialState })
        yield* stage.user("@bob:s2").join(roomId, "s1")
        yield* stage.quiet
        const before = yield* withoutState(
          played,
          Effect.gen(function* () {
            const s3 = yield* bootServer("s3", parts)
            yield* s3.users.join("@nina:s3", roomId, ["s1"])
            yield* Effect.sleep(2_000)
            yield* stage.user("@bob:s2").say(roomId, "while you were not told all")
            yield* stage.user("@bob:s2").leave(roomId)
            yield* s3.users.send("@nina:s3", roomId, "m.room.message", { body: "one" })
            yield* Effect.sleep(5_000)
            const room = s3.rooms.find(roomId)!
            return { view: viewOf(room.dag), journal: [...room.partial!.journal] }
          }).pipe(Effect.scoped),
        )
        const whole = yield* Effect.scoped(
          Effect.gen(function* () {
            const again = yield* bootServer("s3", parts)
            const room = again.rooms.find(roomId)!
            expect(viewOf(room.dag)).toEqual(before.view)
            expect(room.partial?.journal).toEqual(before.journal)
            yield* again.users.send("@nina:s3", roomId, "m.room.message", { body: "two" })
            yield* Effect.sleep(30_000)
            expect(room.partial).toBeUndefined()
            const s1 = roomOn(played, "s1", roomId).dag
            expect(stateByKey(room.dag, room.dag.currentState())).toEqual(stateByKey(s1, s1.currentState()))
            return viewOf(room.dag)
          }),
        )
        const { rooms } = yield* bootServer("s3", parts)
        expect(viewOf(rooms.find(roomId)!.dag)).toEqual(whole)
        expect(rooms.find(roomId)!.partial).toBeUndefined()
      }).pipe(Effect.scoped),
    )
  })

  it("is not waited for by who leaves; who comes back then begins anew", async () => {
    await play({ servers: 2, roomVersion: "11" }, (played) =>
      Effect.gen(function* () {
        const { kernel, network, stage } = played
        const disk = new MemoryDisk()
        const settings = { partialStateJoins: true }
        const parts = {
          kernel,
          network,
          disk,
          settings,
          signatures: synchronously(nativeSignatures("libsodium")),
        }
        const initialState = [{ type: "m.room.name", stateKey: "", content: { name: "the room" } }]
        const roomId = yield* stage.user("@alice:s1").createRoom({ initialState })
        yield* stage.user("@bob:s2").join(roomId, "s1")
        yield* stage.quiet
        const membership = () => stage.stateOf("s2", roomId, "m.room.member", "@nina:s3")?.content.membership
        const back = yield* Effect.scoped(
          Effect.gen(function* () {
            const s3 = yield* bootServer("s3", parts)
            yield* withoutState(
              played,
              Effect.gen(function* () {
                yield* s3.users.join("@nina:s3", roomId, ["s1"])
                yield* Effect.sleep(1_000)
                yield* s3.users.leave("@nina:s3", roomId)
                yield* Effect.sleep(2_000)
                expect(membership()).toBe("leave")
                expect(s3.rooms.find(roomId)!.partial).toBeDefined()
              }),
            )
            yield* Effect.sleep(60_000)
            expect([s3.resyncs.waiting(), s3.resyncs.busy()]).toEqual([[], 0])
            yield* s3.users.join("@nina:s3", roomId, ["s1"])
            yield* Effect.sleep(10_000)
            expect(membership()).toBe("join")
            const room = s3.rooms.find(roomId)!
            expect(room.partial).toBeUndefined()
            expect(findInconsistencies(room.dag)).toEqual([])
            const s1 = roomOn(played, "s1", roomId).dag
            expect(stateByKey(room.dag, room.dag.currentState())).toEqual(stateByKey(s1, s1.currentState()))
            return viewOf(room.dag)
          }),
        )
        const { rooms } = yield* bootServer("s3", parts)
        expect(viewOf(rooms.find(roomId)!.dag)).toEqual(back)
      }).pipe(Effect.scoped),
    )
  })
})
