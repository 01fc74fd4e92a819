/** What servers tell each other in passing: who types, who is there, who has read what; and what they do not believe. */
import { Context, Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { Presence } from "#spec-impl/federation/presence/presence.ts"
import { Receipts } from "#spec-impl/federation/receipts/receipts.ts"
import { Typing } from "#spec-impl/federation/typing/typing.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import { synchronously } from "#spec-impl/homeserver/signatures/noble.ts"
import { MemoryDisk } from "#spec-impl/store/memory.ts"
import { pushEdus } from "./testing/devices.ts"
import { type Played, type PlayOptions, play, refusal } from "./testing/play.ts"
import { bootServer } from "./world.ts"

const alice = "@alice:s1"
const bob = "@bob:s2"

/** Alice's room on s1, with Bob of s2; s3 is not in it. */
const inRoom = <A, E>(
  story: (played: Played, roomId: string) => Effect.Effect<A, E>,
  options: PlayOptions = {},
) =>
  play({ servers: 3, ...options }, (played) =>
    Effect.gen(function* () {
      const { stage } = played
      const roomId = yield* stage.user(alice).createRoom()
      yield* stage.user(bob).join(roomId, "s1")
      yield* stage.quiet
      return yield* story(played, roomId)
    }),
  )
const typingOn = ({ servers }: Played, server: string) => Context.get(servers.get(server)!.services, Typing)
const presenceOn = ({ servers }: Played, server: string) =>
  Context.get(servers.get(server)!.services, Presence)
const receiptsOn = ({ servers }: Played, server: string) =>
  Context.get(servers.get(server)!.services, Receipts)

let transactions = 0
/** An EDU as `from` might send it to s1. */
const push = ({ servers }: Played, from: string, eduType: string, content: JsonObject) => {
  transactions += 1
  const params = { transactionId: `t${transactions}` }
  const payload = { origin: from, origin_server_ts: 1, pdus: [], edus: [{ edu_type: eduType, content }] }
  return servers.get(from)!.client.call("s1", (api) => api.transactions.send({ params, payload }))
}

describe("typing", () => {
  it("is told to the room's servers, and ends when it is said to or when its time is over", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* typingOn(played, "s1").start(alice, roomId)
        yield* stage.quiet
        expect(yield* typingOn(played, "s2").typingIn(roomId)).toEqual([alice])
        yield* typingOn(played, "s1").stop(alice, roomId)
        yield* stage.quiet
        expect(yield* typingOn(played, "s2").typingIn(roomId)).toEqual([])
        yield* typingOn(played, "s1").start(alice, roomId, 10_000)
        yield* stage.wait(5_000)
        yield* typingOn(played, "s1").start(alice, roomId, 10_000)
        yield* stage.wait(7_000)
        expect(yield* typingOn(played, "s2").typingIn(roomId)).toEqual([alice])
        yield* stage.wait(5_000)
        expect(yield* typingOn(played, "s1").typingIn(roomId)).toEqual([])
        expect(yield* typingOn(played, "s2").typingIn(roomId)).toEqual([])
      }),
    ))

  it("of a server that is gone ends after a minute; what was typed during a cut is not told afterwards", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* typingOn(played, "s1").start(alice, roomId)
        yield* stage.wait(2_000)
        yield* stage.partition(["s1"], ["s2"])
        yield* stage.wait(57_000)
        expect(yield* typingOn(played, "s2").typingIn(roomId)).toEqual([alice])
        yield* stage.wait(3_000)
        expect(yield* typingOn(played, "s2").typingIn(roomId)).toEqual([])
        yield* typingOn(played, "s1").start(alice, roomId)
        yield* stage.heal
        yield* stage.wait(5_000)
        expect(yield* typingOn(played, "s2").typingIn(roomId)).toEqual([])
      }),
    ))

  it("ends when the user leaves", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        yield* typingOn(played, "s2").start(bob, roomId)
        yield* played.stage.quiet
        yield* played.stage.user(alice).kick(roomId, bob)
        expect(yield* typingOn(played, "s1").typingIn(roomId)).toEqual([])
        expect(yield* refusal(typingOn(played, "s2").start(bob, "!nowhere"))).toContain("M_NOT_FOUND")
      }),
    ))

  it("is not believed of other servers' users, of strangers, of a server that the ACL denies, or in another form", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const typing = (userId: string, more: JsonObject = {}) => ({
          room_id: roomId,
          user_id: userId,
          typing: true,
          ...more,
        })
        yield* push(played, "s2", "m.typing", typing(alice))
        yield* push(played, "s3", "m.typing", typing("@carol:s3"))
        yield* push(played, "s2", "m.typing", typing(bob, { typing: "yes" }))
        yield* push(played, "s2", "m.typing", { typing: true })
        expect(yield* typingOn(played, "s1").typingIn(roomId)).toEqual([])
        yield* push(played, "s2", "m.typing", typing(bob))
        expect(yield* typingOn(played, "s1").typingIn(roomId)).toEqual([bob])
        yield* push(played, "s2", "m.typing", typing(bob, { typing: false }))
        yield* played.stage.user(alice).setState(roomId, "m.room.server_acl", { allow: ["*"], deny: ["s2"] })
        yield* push(played, "s2", "m.typing", typing(bob))
        expect(yield* typingOn(played, "s1").typingIn(roomId)).toEqual([])
      }),
    ))
})

describe("presence", () => {
  it("is told to servers that share a room, and to no others", () =>
    inRoom((played) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* presenceOn(played, "s1").set(alice, "online", "at work")
        yield* stage.quiet
        expect(yield* presenceOn(played, "s2").presenceOf(alice)).toMatchObject({
          presence: "online",
          statusMsg: "at work",
          currentlyActive: true,
        })
        expect((yield* presenceOn(played, "s3").presenceOf(alice)).presence).toBe("offline")
      }),
    ))

  it("is told to who comes to share a room, by both sides", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const carol = "@carol:s3"
        yield* presenceOn(played, "s1").set(alice, "unavailable")
        yield* presenceOn(played, "s3").set(carol, "online")
        yield* stage.quiet
        yield* stage.user(carol).join(roomId, "s1")
        yield* stage.quiet
        expect((yield* presenceOn(played, "s3").presenceOf(alice)).presence).toBe("unavailable")
        expect((yield* presenceOn(played, "s1").presenceOf(carol)).presence).toBe("online")
        expect((yield* presenceOn(played, "s2").presenceOf(carol)).presence).toBe("online")
      }),
    ))

  it("fades: idle after five minutes, of another server gone after thirty", () =>
    inRoom((played) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* presenceOn(played, "s1").active(alice)
        yield* stage.wait(6 * 60_000)
        expect(yield* presenceOn(played, "s1").presenceOf(alice)).toMatchObject({
          presence: "unavailable",
          currentlyActive: false,
        })
        expect(yield* presenceOn(played, "s2").presenceOf(alice)).toMatchObject({
          presence: "online",
          currentlyActive: false,
        })
        yield* stage.wait(25 * 60_000)
        expect((yield* presenceOn(played, "s2").presenceOf(alice)).presence).toBe("offline")
      }),
    ))

  it("is the last there is when a server was cut off", () =>
    inRoom((played) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.partition(["s1"], ["s2", "s3"])
        yield* presenceOn(played, "s1").set(alice, "online")
        yield* stage.wait(5_000)
        yield* presenceOn(played, "s1").set(alice, "unavailable", "gone fishing")
        yield* stage.heal
        yield* stage.quiet
        yield* stage.wait(10_000)
        expect(yield* presenceOn(played, "s2").presenceOf(alice)).toMatchObject({
          presence: "unavailable",
          statusMsg: "gone fishing",
        })
      }),
    ))

  it("is not believed of other servers' users, or in another form; one bad entry harms no other", () =>
    inRoom((played) =>
      Effect.gen(function* () {
        const online = (userId: string, more: JsonObject = {}) => ({
          user_id: userId,
          presence: "online",
          last_active_ago: 10,
          ...more,
        })
        const told = [
          online(alice),
          online("@carol:s3"),
          online(bob, { presence: "sleeping" }),
          online(bob, { last_active_ago: "long" }),
          7,
        ]
        yield* push(played, "s2", "m.presence", { push: told })
        for (const userId of [alice, bob, "@carol:s3"]) {
          expect((yield* presenceOn(played, "s1").presenceOf(userId)).presence).toBe("offline")
        }
        yield* push(played, "s2", "m.presence", { push: [...told, online(bob)] })
        expect((yield* presenceOn(played, "s1").presenceOf(bob)).presence).toBe("online")
        expect(yield* refusal(presenceOn(played, "s1").set(bob, "online"))).toContain("M_FORBIDDEN")
      }),
    ))
})

describe("receipts", () => {
  it("arrive, one for each thread, go forward only, and private ones stay at home", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const first = yield* stage.user(bob).say(roomId, "one")
        const second = yield* stage.user(bob).say(roomId, "two")
        yield* stage.quiet
        const mine = receiptsOn(played, "s1")
        yield* mine.read(alice, roomId, second.eventId)
        yield* mine.read(alice, roomId, first.eventId)
        yield* mine.read(alice, roomId, first.eventId, { threadId: "main" })
        yield* mine.read(alice, roomId, second.eventId, { isPrivate: true })
        yield* stage.quiet
        const seen = receiptsOn(played, "s2").receiptsIn(roomId)
        expect(seen.map(({ threadId, eventId }) => [threadId, eventId])).toEqual([
          ["main", first.eventId],
          [undefined, second.eventId],
        ])
        expect(mine.receiptsIn(roomId)).toHaveLength(3)
        expect(yield* refusal(mine.read(alice, roomId, "$unknown"))).toContain("M_NOT_FOUND")
        expect(yield* refusal(mine.read("@nobody:s1", roomId, first.eventId))).toContain("M_FORBIDDEN")
        expect(yield* refusal(mine.read(bob, roomId, first.eventId))).toContain("M_FORBIDDEN")
      }),
    ))

  it("the last of each thread arrives after a cut; those that are not told again stay", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const said = [
          yield* stage.user(alice).say(roomId, "one"),
          yield* stage.user(alice).say(roomId, "two"),
        ]
        yield* stage.quiet
        yield* receiptsOn(played, "s2").read(bob, roomId, said[0]!.eventId, { threadId: "main" })
        yield* stage.quiet
        yield* stage.partition(["s1"], ["s2", "s3"])
        for (const { eventId } of said) yield* receiptsOn(played, "s2").read(bob, roomId, eventId)
        yield* stage.wait(20_000)
        yield* stage.heal
        yield* stage.wait(60_000)
        expect(
          receiptsOn(played, "s1")
            .receiptsIn(roomId)
            .map(({ eventId }) => eventId),
        ).toEqual([said[0]!.eventId, said[1]!.eventId])
      }),
    ))

  it("are believed of the sending server's members only, for one event, where the ACL lets it speak", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const receipt = (userId: string, given: JsonObject = {}) => ({
          [roomId]: { "m.read": { [userId]: { event_ids: ["$e"], data: { ts: 5 }, ...given } } },
        })
        yield* push(played, "s2", "m.receipt", receipt(alice))
        yield* push(played, "s3", "m.receipt", receipt("@carol:s3"))
        yield* push(played, "s2", "m.receipt", receipt(bob, { event_ids: ["$e", "$f"] }))
        yield* push(played, "s2", "m.receipt", receipt(bob, { data: {} }))
        yield* push(played, "s2", "m.receipt", {
          [roomId]: { "m.read.private": { [bob]: { event_ids: ["$e"], data: { ts: 5 } } } },
        })
        expect(receiptsOn(played, "s1").receiptsIn(roomId)).toEqual([])
        yield* push(played, "s2", "m.receipt", { "!nowhere": {}, ...receipt(bob) })
        expect(receiptsOn(played, "s1").receiptsIn(roomId)).toMatchObject([
          { userId: bob, eventId: "$e", ts: 5 },
        ])
        yield* played.stage.user(alice).setState(roomId, "m.room.server_acl", { allow: ["*"], deny: ["s2"] })
        yield* push(played, "s2", "m.receipt", receipt(bob, { event_ids: ["$later"] }))
        expect(receiptsOn(played, "s1").receiptsIn(roomId)).toMatchObject([{ eventId: "$e" }])
      }),
    ))

  it("are kept of so many threads and no more: another server may make them up", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const receipt = (thread_id: string, eventId = "$e") => ({
          [roomId]: { "m.read": { [bob]: { event_ids: [eventId], data: { ts: 5, thread_id } } } },
        })
        for (const odd of [receipt("x".repeat(256)), receipt("$t", "x".repeat(256))]) {
          yield* push(played, "s2", "m.receipt", odd)
        }
        expect(receiptsOn(played, "s1").receiptsIn(roomId)).toEqual([])
        const edus = Array.from({ length: 1_001 }, (_, at) => ["m.receipt", receipt(`$${at}`)] as const)
        for (let at = 0; at < edus.length; at += 100) {
          yield* pushEdus(played, "s2", "s1", ...edus.slice(at, at + 100))
        }
        yield* push(played, "s2", "m.receipt", receipt("$7", "$later"))
        const kept = receiptsOn(played, "s1").receiptsIn(roomId)
        expect(kept).toHaveLength(1_000)
        expect(kept.find(({ threadId }) => threadId === "$7")?.eventId).toBe("$later")
      }),
    ))

  it("outlive a restart", () =>
    play({ servers: 1 }, ({ kernel, network }) =>
      Effect.gen(function* () {
        const signatures = synchronously(nativeSignatures("libsodium"))
        const disk = new MemoryDisk()
        const parts = { kernel, network, signatures, settings: {}, disk }
        const roomId = yield* Effect.scoped(
          Effect.gen(function* () {
            const { users, services } = yield* bootServer("home", parts)
            const room = yield* users.createRoom("@alice:home", {})
            const { eventId } = yield* users.send("@alice:home", room, "m.room.message", { body: "x" })
            yield* Context.get(services, Receipts).read("@alice:home", room, eventId, { threadId: "main" })
            return room
          }),
        )
        const { services } = yield* bootServer("home", parts)
        expect(Context.get(services, Receipts).receiptsIn(roomId)).toMatchObject([
          { userId: "@alice:home", threadId: "main" },
        ])
      }).pipe(Effect.scoped),
    ))
})
