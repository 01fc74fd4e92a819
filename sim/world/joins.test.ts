/** The handshake by which a user comes into a room, and what a resident server refuses. */
import { Effect, Fiber } from "effect"
import { describe, expect, it } from "vitest"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { alterReply, delay, withBody } from "../network/rules.ts"
import { alice, bob, madeJoin, sentJoin, withRoom } from "./testing/handshake.ts"
import { type Played, refusal } from "./testing/play.ts"
import { sendRaw, wrongSignatures } from "./testing/raw-request.ts"
import { membershipOn } from "./testing/views.ts"

const dagOn = ({ servers }: Played, server: string, roomId: string) =>
  servers.get(server)?.rooms.find(roomId)?.dag
const handIn = (
  played: Played,
  roomId: string,
  join: { readonly pdu: JsonObject; readonly eventId: string },
) => sentJoin(played, join, { roomId, from: "s2", via: "s1" })

describe("make_join", () => {
  const target = (roomId: string, userId: string, query: string) =>
    `/_matrix/federation/v1/make_join/${encodeURIComponent(roomId)}/${encodeURIComponent(userId)}${query}`

  it("is answered with each error that it has", async () => {
    await withRoom({ roomVersion: "10" }, (played, roomId) =>
      Effect.gen(function* () {
        const closed = yield* played.stage.user(alice).createRoom({ joinRule: "invite" })
        const ask = (room: string, userId: string, query: string) =>
          sendRaw(played, { from: "s2", to: "s1", method: "GET", target: target(room, userId, query) })
        const answers = [
          yield* ask(roomId, bob, "?ver=10"),
          yield* ask(roomId, bob, "?ver=1&ver=10&ver=nonsense"),
          yield* ask(roomId, bob, "?ver=9"),
          yield* ask(roomId, bob, ""),
          yield* ask(closed, bob, "?ver=10"),
          yield* ask(roomId, "@bob:s3", "?ver=10"),
          yield* ask("!nowhere:s1", bob, "?ver=10"),
        ]
        expect(answers.map(({ status, errcode }) => [status, errcode])).toEqual([
          [200, undefined],
          [200, undefined],
          [400, "M_INCOMPATIBLE_ROOM_VERSION"],
          [400, "M_INCOMPATIBLE_ROOM_VERSION"],
          [403, "M_FORBIDDEN"],
          [403, "M_FORBIDDEN"],
          [404, "M_NOT_FOUND"],
        ])
        expect(answers[2]!.body.room_version).toBe("10")
        for (const [name, wrong] of Object.entries(wrongSignatures)) {
          const request = { from: "s2", to: "s1", method: "GET", target: target(roomId, bob, "?ver=10") }
          const { status, errcode } = yield* sendRaw(played, { ...request, ...wrong })
          expect([name, status, errcode]).toEqual([name, 401, "M_UNAUTHORIZED"])
        }
      }),
    )
  })
})

describe("send_join", () => {
  it("is refused with M_INVALID_PARAM for each way in which an event is no join of the asking server's user", async () => {
    await withRoom({ servers: 3 }, (played, roomId) =>
      Effect.gen(function* () {
        yield* played.stage.user("@carol:s3").join(roomId, "s1")
        yield* played.stage.quiet
        const before = dagOn(played, "s1", roomId)!.forwardExtremities()
        const faults: Readonly<Record<string, (pdu: JsonObject) => JsonObject>> = {
          "another type": (pdu) => ({ ...pdu, type: "m.room.topic" }),
          "another membership": (pdu) => ({ ...pdu, content: { membership: "leave" } }),
          "a sender of another server": (pdu) => ({ ...pdu, sender: "@carol:s3", state_key: "@carol:s3" }),
          "another state key": (pdu) => ({ ...pdu, state_key: "@else:s2" }),
          "parents that nobody holds": (pdu) => ({ ...pdu, prev_events: [`$${"x".repeat(43)}`] }),
          "no event at all": ({ type, ...pdu }) => pdu,
        }
        for (const [name, fault] of Object.entries(faults)) {
          const refused = yield* refusal(
            handIn(played, roomId, yield* madeJoin(played, roomId, bob, "s1", fault)),
          )
          expect([name, refused.slice(0, 19)]).toEqual([name, "400 M_INVALID_PARAM"])
        }
        const join = yield* madeJoin(played, roomId, bob, "s1")
        const forged = { ...join, pdu: { ...join.pdu, signatures: { s2: { "ed25519:1": "AAAA" } } } }
        expect(yield* refusal(handIn(played, roomId, forged))).toContain("400 M_INVALID_PARAM")
        const elsewhere = { ...join, eventId: `$${"z".repeat(43)}` }
        expect(yield* refusal(handIn(played, roomId, elsewhere))).toContain("400 M_INVALID_PARAM")
        expect(dagOn(played, "s1", roomId)!.forwardExtremities()).toEqual(before)
        expect(membershipOn(played, "s1", roomId, bob)).toBeUndefined()
      }),
    )
  })

  it("is answered alike, however often it is sent", async () => {
    await withRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const join = yield* madeJoin(played, roomId, bob, "s1")
        const first = yield* handIn(played, roomId, join)
        yield* played.stage.user(alice).ban(roomId, bob)
        expect(yield* handIn(played, roomId, join)).toEqual(first)
        expect(membershipOn(played, "s1", roomId, bob)).toBe("ban")
      }),
    )
  })

  it("is sent again, with the same join, where its answer is lost", async () => {
    await withRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const lost = alterReply((response) => withBody(response, new Uint8Array([33])))
        const asked: string[] = []
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* played.network.rule({ path: /send_join/ }, lost, { times: 1 })
            yield* played.stage.user(bob).join(roomId, "s1")
          }),
        )
        for (const { kind, fields } of played.kernel.trace.records) {
          const target = fields.find((field) => String(field).includes("/send_join/"))
          if (kind === "request" && target !== undefined) asked.push(String(target))
        }
        expect(asked).toHaveLength(2)
        expect(new Set(asked).size).toBe(1)
        expect([membershipOn(played, "s1", roomId, bob), membershipOn(played, "s2", roomId, bob)]).toEqual([
          "join",
          "join",
        ])
      }),
    )
  })

  it("of an event that says it is older than a day is judged by the rules alone", async () => {
    await withRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const old = yield* madeJoin(played, roomId, bob, "s1", (pdu) => ({ ...pdu, origin_server_ts: 1 }))
        yield* played.stage.wait(100_000_000)
        yield* handIn(played, roomId, old)
        expect(membershipOn(played, "s1", roomId, bob)).toBe("join")
      }),
    )
  })
})

describe("between make_join and send_join", () => {
  const turns: Readonly<
    Record<string, readonly [string, (played: Played, roomId: string) => Effect.Effect<unknown, unknown>]>
  > = {
    "a ban": ["403 M_FORBIDDEN", ({ stage }, roomId) => stage.user(alice).ban(roomId, bob)],
    "a room that is by invite now": [
      "403 M_FORBIDDEN",
      ({ stage }, roomId) => stage.user(alice).setState(roomId, "m.room.join_rules", { join_rule: "invite" }),
    ],
    "an ACL": [
      "403 M_FORBIDDEN",
      ({ stage }, roomId) => stage.user(alice).setState(roomId, "m.room.server_acl", { allow: ["s1"] }),
    ],
    "the resident's leaving": ["404 M_NOT_FOUND", ({ stage }, roomId) => stage.user(alice).leave(roomId)],
  }
  for (const [name, [code, turn]] of Object.entries(turns)) {
    it(`${name} keeps the user out, and nothing is kept`, async () => {
      await withRoom({}, (played, roomId) =>
        Effect.gen(function* () {
          const { network, servers, stage } = played
          const before = dagOn(played, "s1", roomId)!
          const joining = yield* Effect.scoped(
            Effect.gen(function* () {
              yield* network.rule({ path: /send_join/ }, delay(5_000))
              const fiber = yield* Effect.forkChild(refusal(stage.user(bob).join(roomId, "s1")))
              yield* stage.wait(2_000)
              return fiber
            }),
          )
          yield* turn(played, roomId)
          expect(yield* Fiber.join(joining)).toContain(code)
          yield* stage.quiet
          expect(servers.get("s2")!.rooms.find(roomId)).toBeUndefined()
          const joins = [...before.records()].filter(
            ({ event }) => event.stateKey === bob && event.content.membership === "join",
          )
          expect(joins).toEqual([])
        }),
      )
    })
  }
})
