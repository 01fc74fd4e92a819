/**
 * Server ACLs: which servers and which of their events they keep out, from when on, and what they do not keep out. That
 * each endpoint is protected, `endpoints/` shows.
 */
import { Context, Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { Receipts } from "#spec-impl/federation/receipts/receipts.ts"
import { Typing } from "#spec-impl/federation/typing/typing.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import { synchronously } from "#spec-impl/homeserver/signatures/noble.ts"
import { stateByKey } from "../checks/agreement.ts"
import { craftPdu, message } from "./testing/craft-event.ts"
import { type Played, type PlayOptions, play, refusal } from "./testing/play.ts"
import { sendRaw } from "./testing/raw-request.ts"
import { bootServer } from "./world.ts"

const alice = "@alice:s1"
const bob = "@bob:s2"
const carol = "@carol:s3"

/** Alice's room, in which Bob and Carol are; Bob may do what she may. */
const inRoom = (
  story: (played: Played, roomId: string) => Effect.Effect<void, unknown>,
  options: PlayOptions = {},
) =>
  play({ servers: 4, roomVersion: "11", ...options }, (played) =>
    Effect.gen(function* () {
      const { stage } = played
      const users = { [alice]: 100, [bob]: 100 }
      const roomId = yield* stage.user(alice).createRoom({ powerLevels: { users } })
      for (const userId of [bob, carol]) yield* stage.user(userId).join(roomId, "s1")
      yield* stage.quiet
      yield* story(played, roomId)
    }),
  )

const setAcl = ({ stage }: Played, roomId: string, content: JsonObject, by = alice) =>
  Effect.andThen(stage.user(by).setState(roomId, "m.room.server_acl", content), stage.quiet)
const holds = ({ servers }: Played, server: string, roomId: string, eventId: string): boolean =>
  servers.get(server)!.rooms.find(roomId)?.dag.timeline(eventId)?.verdict === "accepted"
const stateOn = ({ servers }: Played, server: string, roomId: string) => {
  const dag = servers.get(server)!.rooms.find(roomId)!.dag
  return stateByKey(dag, dag.currentState())
}
let transactions = 0
const push = (
  played: Played,
  from: string,
  to: string,
  content: { pdus?: JsonObject[]; edus?: JsonObject[] },
) =>
  Effect.map(
    sendRaw(played, {
      from,
      to,
      method: "PUT",
      target: `/_matrix/federation/v1/send/t${++transactions}`,
      body: { origin: from, origin_server_ts: 0, pdus: [], ...content },
    }),
    ({ body }) =>
      Object.values((body.pdus ?? {}) as Record<string, JsonObject>)
        .map(({ error }) => error ?? "taken")
        .sort(),
  )

describe("a server is denied", () => {
  const cases: readonly (readonly [string, JsonObject, string, boolean])[] = [
    ["in whatever case its name is written", { allow: ["*"], deny: ["EVIL.example"] }, "evil.example", true],
    ["in whatever case it writes its name", { allow: ["*"], deny: ["evil.example"] }, "Evil.Example", true],
    ["at any port", { allow: ["*"], deny: ["evil.example"] }, "evil.example:8448", true],
    ["by a pattern", { allow: ["*"], deny: ["*.e?il.example"] }, "a.b.evil.example", true],
    ["by a pattern of the whole name only", { allow: ["*"], deny: ["evil"] }, "evil.example", false],
    ["where nobody is allowed", {}, "good.example", true],
    ["where others are allowed", { allow: ["*.example", 7] }, "good.other", true],
    ["not where it is allowed", { allow: ["GOOD.*"] }, "good.example:443", false],
    ["as an IPv4 address", { allow: ["*"], allow_ip_literals: false }, "192.0.2.1:8448", true],
    ["as an IPv6 address", { allow: ["*"], allow_ip_literals: false }, "[2001:db8::1]:8448", true],
    ["not as an address that is allowed", { allow: ["*"], allow_ip_literals: "no" }, "[2001:db8::1]", false],
    ["as an address by its pattern", { allow: ["*"], deny: ["[2001:DB8:*"] }, "[2001:db8::1]:8448", true],
  ]
  for (const [how, acl, name, isDenied] of cases) {
    it(`${how}: ${name}`, () =>
      inRoom((played, roomId) =>
        Effect.gen(function* () {
          const { kernel, network } = played
          const signatures = synchronously(nativeSignatures("libsodium"))
          const server = yield* bootServer(name, { kernel, network, signatures, settings: {} })
          yield* played.stage.user(alice).setState(roomId, "m.room.server_acl", acl)
          const join = yield* Effect.result(server.users.join(`@user:${name}`, roomId, ["s1"]))
          expect(join._tag === "Failure" ? join.failure.message : "joined").toBe(
            isDenied ? `403 M_FORBIDDEN: ${name} is denied by the server ACL of room ${roomId}` : "joined",
          )
        }).pipe(Effect.scoped),
      ))
  }
})

describe("/send", () => {
  it("ignores each PDU by who sends it, whoever made it, and says so", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const open = yield* played.stage.user(alice).createRoom()
        yield* played.stage.user(carol).join(open, "s1")
        yield* played.stage.quiet
        const ofBob = yield* craftPdu(played, "s2", roomId, message(bob, "from Bob"))
        const ofCarol = yield* craftPdu(played, "s3", roomId, message(carol, "from Carol"))
        const elsewhere = yield* craftPdu(played, "s3", open, message(carol, "in the other room"))
        yield* setAcl(played, roomId, { allow: ["*"], deny: ["s3"] })
        expect(yield* push(played, "s3", "s1", { pdus: [ofBob, elsewhere, ofCarol] })).toEqual([
          "s3 is denied by the server ACL",
          "s3 is denied by the server ACL",
          "taken",
        ])
        expect(yield* push(played, "s2", "s1", { pdus: [ofBob, ofCarol] })).toEqual(["taken", "taken"])
      }),
    ))

  it("from the next PDU on, in the middle of a transaction", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        yield* played.stage.partition(["s1"], ["s2"], ["s3"])
        const { users, rooms } = played.servers.get("s2")!
        const acl = yield* users.setState(bob, roomId, "m.room.server_acl", "", { allow: ["s1", "s3"] })
        const said = yield* users.send(bob, roomId, "m.room.message", { body: "and I am out" })
        // What s2 sends of itself has failed by then, and is not tried again before the push.
        yield* played.stage.wait(500)
        yield* played.stage.heal
        const { dag } = rooms.find(roomId)!
        const pdus = [acl, said].map(({ eventId }) => dag.record(eventId)!.event.pdu)
        expect(yield* push(played, "s2", "s1", { pdus })).toEqual(["s2 is denied by the server ACL", "taken"])
      }),
    ))

  it("ignores typing and receipts of the room, and no others", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        const open = yield* stage.user(alice).createRoom()
        yield* stage.user(carol).join(open, "s1")
        const said = yield* stage.user(alice).say(roomId, "read me")
        const saidOpenly = yield* stage.user(alice).say(open, "read me")
        yield* stage.quiet
        const typing = (room: string) => ({
          edu_type: "m.typing",
          content: { room_id: room, user_id: carol, typing: true },
        })
        const read = (eventId: string) => ({
          "m.read": { [carol]: { event_ids: [eventId], data: { ts: 1 } } },
        })
        const receipt = {
          edu_type: "m.receipt",
          content: { [roomId]: read(said.eventId), [open]: read(saidOpenly.eventId) },
        }
        const edus = [typing(roomId), typing(open), receipt]
        const services = servers.get("s1")!.services
        const heard = Effect.gen(function* () {
          yield* push(played, "s3", "s1", { edus })
          const inRooms = yield* Effect.forEach([roomId, open], (room) =>
            Context.get(services, Typing).typingIn(room),
          )
          const receipts = [roomId, open].map(
            (room) => Context.get(services, Receipts).receiptsIn(room).length,
          )
          return [inRooms.map((users) => users.length), receipts]
        })
        yield* setAcl(played, roomId, { allow: ["*"], deny: ["s3"] })
        expect(yield* heard).toEqual([
          [0, 1],
          [0, 1],
        ])
        yield* setAcl(played, roomId, { allow: ["*"] })
        expect(yield* heard).toEqual([
          [1, 1],
          [1, 1],
        ])
      }),
    ))
})

describe("an ACL", () => {
  it("that denies the server of who set it is undone by another", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* setAcl(played, roomId, { allow: ["s2", "s3"] })
        const undone = yield* stage.user(alice).setState(roomId, "m.room.server_acl", { allow: ["*"] })
        yield* stage.wait(3_000)
        expect(holds(played, "s2", roomId, undone.eventId)).toBe(false)
        // Bob has never seen her way out, and finds his own; what is sent to s1 goes on all the time.
        yield* setAcl(played, roomId, { allow: ["*"] }, bob)
        const said = yield* stage.user(alice).say(roomId, "back again")
        yield* stage.quiet
        for (const server of ["s1", "s2", "s3"]) {
          expect(holds(played, server, roomId, said.eventId)).toBe(true)
          expect(stateOn(played, server, roomId)).toEqual(stateOn(played, "s1", roomId))
        }
      }),
    ))

  it("does not keep out who joins by way of a server that it denies, once that speaks for itself", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* setAcl(played, roomId, { allow: ["*"], deny: ["s3"] })
        // s3 goes on letting people in, since it is in the room: only nobody listens to it.
        yield* stage.user("@dan:s4").join(roomId, "s3")
        yield* stage.wait(3_000)
        expect(stage.stateOf("s1", roomId, "m.room.member", "@dan:s4")).toBeUndefined()
        yield* stage.user("@dan:s4").say(roomId, "hello")
        yield* stage.quiet
        for (const server of ["s1", "s2"]) {
          expect(stage.stateOf(server, roomId, "m.room.member", "@dan:s4")?.content.membership).toBe("join")
        }
      }),
    ))

  it("makes an island of a server whose events only some take, which is gone once it is lifted (S19)", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.partition(["s1", "s2"], ["s2", "s3"])
        yield* stage.user(alice).setState(roomId, "m.room.server_acl", { allow: ["*"], deny: ["s2"] })
        // s2 hears of it, and its word counts no more on s1; s3 does not, and takes what it says.
        yield* stage.wait(2_000)
        yield* stage.heal
        yield* stage.partition(["s1"], ["s2", "s3"])
        const heard = yield* stage.user(bob).setState(roomId, "m.room.topic", { topic: "an island" })
        yield* stage.wait(5_000)
        expect(holds(played, "s3", roomId, heard.eventId)).toBe(true)
        yield* stage.heal
        const lost = yield* stage.user(bob).say(roomId, "can you hear me?")
        yield* stage.wait(5_000)
        expect(holds(played, "s1", roomId, lost.eventId)).toBe(false)
        // What Bob said is part of the room by way of who took it.
        yield* stage.user(carol).say(roomId, "he says he is on an island")
        yield* stage.wait(60_000)
        expect(holds(played, "s1", roomId, heard.eventId)).toBe(true)
        yield* setAcl(played, roomId, { allow: ["*"] })
        yield* stage.user(bob).say(roomId, "land in sight")
        yield* stage.wait(60_000)
        yield* stage.user(carol).say(roomId, "welcome")
        yield* stage.quiet
        for (const server of ["s1", "s2", "s3"]) {
          expect(holds(played, server, roomId, lost.eventId)).toBe(true)
          expect(stateOn(played, server, roomId)).toEqual(stateOn(played, "s1", roomId))
        }
      }),
    ))

  it("is no auth rule: events of who is denied stay in the room's state", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* setAcl(played, roomId, { allow: ["*"], deny: ["s2"] })
        expect(stage.stateOf("s3", roomId, "m.room.member", bob)?.content.membership).toBe("join")
        const said = yield* stage.user(alice).say(roomId, "servers go on sending to those they deny")
        yield* stage.quiet
        expect(holds(played, "s2", roomId, said.eventId)).toBe(true)
        expect(yield* refusal(stage.user("@dan:s4").join(roomId, "s9"))).toContain("refused")
      }),
    ))
})
