/** The handshake by which a user comes into a room: what a resident refuses, and what a joiner does not believe. */
import { Effect, Fiber } from "effect"
import { describe, expect, it } from "vitest"
import { canonicalJson } from "#spec-impl/core/json/encode.ts"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { roomVersions } from "#spec-impl/core/room-version.ts"
import { findInconsistencies } from "../checks/room-consistency.ts"
import { alterReply, delay, drop, type RuleAction, reply, withBody } from "../network/rules.ts"
import { alterAnswer, madeJoin, sentJoin } from "./testing/handshake.ts"
import { type Played, play, refusal } from "./testing/play.ts"
import { sendRaw, wrongSignatures } from "./testing/raw-request.ts"

const bob = "@bob:s2"
const alice = "@alice:s1"

/** Alice's public room on s1. */
const withRoom = <A, E>(
  options: { readonly roomVersion?: string; readonly joinRule?: string; readonly servers?: number },
  story: (played: Played, roomId: string) => Effect.Effect<A, E>,
) =>
  play({ servers: 2, roomVersion: "11", ...options }, (played) =>
    Effect.flatMap(
      played.stage.user(alice).createRoom({ joinRule: options.joinRule ?? "public" }),
      (roomId) => story(played, roomId),
    ),
  )
const dagOn = ({ servers }: Played, server: string, roomId: string) =>
  servers.get(server)?.rooms.find(roomId)?.dag
const membershipOn = ({ stage }: Played, server: string, roomId: string, userId = bob): unknown =>
  stage.stateOf(server, roomId, "m.room.member", userId)?.content.membership
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
        expect(membershipOn(played, "s1", roomId)).toBeUndefined()
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
        expect(membershipOn(played, "s1", roomId)).toBe("ban")
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
        expect([membershipOn(played, "s1", roomId), membershipOn(played, "s2", roomId)]).toEqual([
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
        expect(membershipOn(played, "s1", roomId)).toBe("join")
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

describe("what a resident answers", () => {
  const listOf = (value: unknown): readonly JsonObject[] => value as readonly JsonObject[]
  const ofType = (type: string) => (pdu: JsonObject) => pdu.type === type

  /** Bob joins while s1's answer to send_join is altered. */
  const joiningWith = (action: RuleAction, roomVersion = "11", path = /send_join/) =>
    withRoom({ roomVersion, servers: 3 }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        yield* stage.user("@carol:s3").join(roomId, "s1")
        yield* stage.user(alice).setState(roomId, "m.room.topic", { topic: "the topic" })
        yield* stage.quiet
        yield* stage.rule("altered", { path, source: "s2" }, action)
        const outcome = yield* stage
          .user(bob)
          .join(roomId, "s1")
          .pipe(
            Effect.as("joined"),
            Effect.catch((error) => Effect.succeed(String("message" in error ? error.message : error))),
          )
        const dag = servers.get("s2")!.rooms.find(roomId)?.dag
        if (dag !== undefined) expect(findInconsistencies(dag)).toEqual([])
        return {
          outcome,
          isHeld: dag !== undefined,
          topic: stage.stateOf("s2", roomId, "m.room.topic")?.content.topic,
          carol: membershipOn(played, "s2", roomId, "@carol:s3"),
        }
      }),
    )

  it("is of no use without the create event, of another version, with two events under one key, or short of members", async () => {
    const useless: Readonly<Record<string, (body: JsonObject) => JsonObject>> = {
      "no create event": (body) => ({
        ...body,
        state: listOf(body.state).filter((pdu) => !ofType("m.room.create")(pdu)),
      }),
      "two topics": (body) => {
        const topic = listOf(body.state).find(ofType("m.room.topic"))!
        return { ...body, state: [...listOf(body.state), { ...topic, depth: 3 }] }
      },
      "members left out": (body) => ({ ...body, members_omitted: true, servers_in_room: ["s1"] }),
      "no auth events of the join": (body) => ({
        ...body,
        state: listOf(body.state).filter((pdu) => !ofType("m.room.power_levels")(pdu)),
        auth_chain: listOf(body.auth_chain).filter((pdu) => !ofType("m.room.power_levels")(pdu)),
      }),
      "a state that does not allow the join": (body) => ({
        ...body,
        state: listOf(body.state).filter((pdu) => !ofType("m.room.join_rules")(pdu)),
      }),
    }
    for (const [name, alter] of Object.entries(useless)) {
      const { outcome, isHeld } = await joiningWith(alterAnswer(alter))
      expect([name, outcome.slice(0, 13), isHeld]).toEqual([name, "502 M_UNKNOWN", false])
    }
    const other = alterAnswer((body) => ({ ...body, room_version: "10" }))
    const { outcome, isHeld } = await joiningWith(other, "11", /make_join/)
    expect([outcome.slice(0, 13), isHeld]).toEqual(["502 M_UNKNOWN", false])
  })

  it("template of make_join must be what was asked for", async () => {
    const templates: Readonly<Record<string, JsonObject>> = {
      type: { type: "m.room.topic" },
      room: { room_id: "!other:s1" },
      sender: { sender: "@mallory:s2" },
      "state key": { state_key: "@mallory:s2" },
      membership: { content: { membership: "invite" } },
      form: { prev_events: "none" },
    }
    for (const [name, change] of Object.entries(templates)) {
      const alter = alterAnswer((body) => ({ ...body, event: { ...(body.event as JsonObject), ...change } }))
      const { outcome } = await joiningWith(alter, "11", /make_join/)
      expect([name, outcome.slice(0, 13)]).toEqual([name, "502 M_UNKNOWN"])
    }
  })

  it("is taken without the events that fail their checks, and without what rests on these", async () => {
    const forge = (pdu: JsonObject): JsonObject => ({ ...pdu, signatures: { s3: { "ed25519:1": "AAAA" } } })
    const forged = await joiningWith(
      alterAnswer((body) => ({
        ...body,
        state: listOf(body.state).map((pdu) => (pdu.state_key === "@carol:s3" ? forge(pdu) : pdu)),
        auth_chain: listOf(body.auth_chain).map((pdu) => (pdu.state_key === "@carol:s3" ? forge(pdu) : pdu)),
      })),
    )
    expect(forged).toEqual({ outcome: "joined", isHeld: true, topic: "the topic", carol: undefined })
    const isAlice = (pdu: JsonObject): boolean => pdu.state_key === alice
    const hole = await joiningWith(
      alterAnswer((body) => ({
        ...body,
        state: listOf(body.state).filter((pdu) => !isAlice(pdu) && !ofType("m.room.topic")(pdu)),
      })),
    )
    expect(hole).toEqual({ outcome: "joined", isHeld: true, topic: undefined, carol: "join" })
    const twice = await joiningWith(
      alterAnswer((body) => ({ ...body, state: [...listOf(body.state), ...listOf(body.state)] })),
    )
    expect(twice).toEqual({ outcome: "joined", isHeld: true, topic: "the topic", carol: "join" })
  })

  it("is passed on as a 5xx where it says that the request was faulty", async () => {
    for (const errcode of ["M_INVALID_PARAM", "M_MISSING_PARAM"]) {
      const { outcome } = await joiningWith(reply(400, { errcode, error: "no" }))
      expect(outcome).toBe("502 M_UNKNOWN: the resident server found the join faulty: no")
    }
  })
})

describe("restricted rooms", () => {
  /** Alice's club lets in members of her lounge. Dan (s4) is in both and may not invite; s3 is in the club alone. */
  const withClub = <A, E>(
    joinRule: "restricted" | "knock_restricted",
    story: (played: Played, rooms: { readonly lounge: string; readonly club: string }) => Effect.Effect<A, E>,
  ) =>
    play({ servers: 4, roomVersion: "11" }, (played) =>
      Effect.gen(function* () {
        const { stage } = played
        const owner = stage.user(alice)
        const lounge = yield* owner.createRoom()
        const powerLevels = { users: { [alice]: 100 }, invite: 50 }
        const club = yield* owner.createRoom({ joinRule: "invite", powerLevels })
        yield* stage.user("@dan:s4").join(lounge, "s1")
        for (const guest of ["@carol:s3", "@dan:s4"]) {
          yield* owner.invite(club, guest)
          yield* stage.user(guest).join(club, "s1")
        }
        const allow = [{ type: "m.room_membership", room_id: lounge }]
        yield* owner.setState(club, "m.room.join_rules", { join_rule: joinRule, allow })
        yield* stage.user(bob).join(lounge, "s1")
        yield* stage.quiet
        return yield* story(played, { lounge, club })
      }),
    )
  const asked = ({ kernel }: Played) =>
    kernel.trace.records.flatMap(({ kind, fields }) =>
      kind === "request" && fields.some((field) => String(field).includes("/make_join/"))
        ? [`${fields[2]}`]
        : [],
    )

  for (const joinRule of ["restricted", "knock_restricted"] as const) {
    it(`${joinRule}: where one server cannot say, or cannot let in, the next is asked`, async () => {
      await withClub(joinRule, (played, { club }) =>
        Effect.gen(function* () {
          const { servers, stage } = played
          const before = asked(played).length
          const join = yield* servers.get("s2")!.users.join(bob, club, ["s3", "s4", "s1"])
          expect(asked(played).slice(before)).toEqual(["s3", "s4", "s1"])
          expect(join.content.join_authorised_via_users_server).toBe(alice)
          yield* stage.quiet
          expect(["s1", "s3", "s4"].map((server) => membershipOn(played, server, club))).toEqual([
            "join",
            "join",
            "join",
          ])
        }),
      )
    })
  }

  it("who is refused for good is not tried elsewhere", async () => {
    await withClub("restricted", (played, { club }) =>
      Effect.gen(function* () {
        const before = asked(played).length
        const join = played.servers.get("s2")!.users.join("@mallory:s2", club, ["s1", "s4"])
        expect(yield* refusal(join)).toContain("403 M_FORBIDDEN")
        expect(asked(played).slice(before)).toEqual(["s1"])
      }),
    )
  })

  it("a member of the club's own servers is let in by the server itself, or else by another", async () => {
    await withClub("restricted", (played, { lounge, club }) =>
      Effect.gen(function* () {
        const { servers, stage } = played
        yield* stage.user("@amy:s1").join(lounge)
        const own = yield* stage.user("@amy:s1").join(club)
        expect(own.content.join_authorised_via_users_server).toBe(alice)
        yield* stage.user("@dora:s4").join(lounge)
        yield* stage.quiet
        expect(yield* refusal(stage.user("@dora:s4").join(club))).toContain("M_UNABLE_TO_GRANT_JOIN")
        yield* servers.get("s4")!.users.join("@dora:s4", club, ["s1"])
        yield* stage.user("@dora:s4").say(club, "in at last")
        yield* stage.quiet
        for (const server of ["s1", "s3", "s4"]) {
          expect(membershipOn(played, server, club, "@dora:s4")).toBe("join")
          expect(findInconsistencies(dagOn(played, server, club)!)).toEqual([])
        }
      }),
    )
  })

  it("the join must come back, the same, with the signature of who lets the user in", async () => {
    const answers: Readonly<Record<string, (body: JsonObject) => JsonObject>> = {
      "not at all": ({ event, ...body }) => body,
      "another event": (body) => ({ ...body, event: (body.state as JsonObject[])[0]! }),
      "not signed": (body) => {
        const event = body.event as JsonObject
        const { s1, ...signatures } = event.signatures as JsonObject
        return { ...body, event: { ...event, signatures } }
      },
    }
    for (const [name, alter] of Object.entries(answers)) {
      await withClub("restricted", (played, { club }) =>
        Effect.gen(function* () {
          yield* played.stage.rule("altered", { path: /send_join/ }, alterAnswer(alter))
          const refused = yield* refusal(played.stage.user(bob).join(club, "s1"))
          expect([name, refused.slice(0, 13)]).toEqual([name, "502 M_UNKNOWN"])
          expect(dagOn(played, "s2", club)).toBeUndefined()
        }),
      )
    }
  })

  it("the template's word on who lets the user in is kept: without it the join is refused", async () => {
    await withClub("restricted", (played, { club }) =>
      Effect.gen(function* () {
        const join = yield* madeJoin(played, club, bob, "s1", (pdu) => ({
          ...pdu,
          content: { membership: "join" },
        }))
        const how = { roomId: club, from: "s2", via: "s1" }
        expect(yield* refusal(sentJoin(played, join, how))).toContain("403 M_FORBIDDEN")
      }),
    )
  })
})

describe("while a join is under way", () => {
  for (const { id } of roomVersions.filter((version) => ["1", "6", "12"].includes(version.id))) {
    it(`room ${id}: events of the room that come before the answer are held, and taken in after it`, async () => {
      await withRoom({ roomVersion: id }, (played, roomId) =>
        Effect.gen(function* () {
          const { servers, stage, network } = played
          const { client } = servers.get("s1")!
          const send = (pdu: JsonObject) =>
            client.call("s2", (api) =>
              api.transactions.send({
                params: { transactionId: "early" },
                payload: { origin: "s1", origin_server_ts: 1, pdus: [pdu] },
              }),
            )
          const [said, answer] = yield* Effect.scoped(
            Effect.gen(function* () {
              yield* network.rule({ path: /send_join/ }, delay(5_000))
              const joining = yield* Effect.forkChild(stage.user(bob).join(roomId, "s1"))
              yield* stage.wait(2_000)
              const event = yield* stage.user(alice).say(roomId, "early")
              const sending = yield* Effect.forkChild(send(event.pdu))
              yield* Fiber.join(joining)
              return [event, yield* Fiber.join(sending)] as const
            }),
          )
          expect(answer.pdus).toEqual({ [said.eventId]: {} })
          yield* stage.quiet
          expect(dagOn(played, "s2", roomId)?.timeline(said.eventId)?.verdict).toBe("accepted")
          const tips = dagOn(played, "s1", roomId)!.forwardExtremities()
          expect(dagOn(played, "s2", roomId)?.forwardExtremities()).toEqual(tips)
        }),
      )
    })
  }

  it("of a room that the server is not in nothing is kept, and the sender is told", async () => {
    await withRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { client, identity } = played.servers.get("s1")!
        const event = yield* played.stage.user(alice).say(roomId, "to nobody")
        const answer = yield* client.call("s2", (api) =>
          api.transactions.send({
            params: { transactionId: "stray" },
            payload: { origin: identity.serverName, origin_server_ts: 1, pdus: [event.pdu] },
          }),
        )
        expect(canonicalJson(answer.pdus)).toContain('"error":"not in that room"')
        expect(dagOn(played, "s2", roomId)).toBeUndefined()
      }),
    )
  })

  it("a second user of the server waits for the first, and joins the room that it brought", async () => {
    for (const via of ["s1", "s3"]) {
      await withRoom({ servers: 3 }, (played, roomId) =>
        Effect.gen(function* () {
          const { kernel, stage } = played
          yield* stage.user("@carol:s3").join(roomId, "s1")
          yield* stage.quiet
          const before = kernel.trace.records.length
          yield* Effect.all([stage.user(bob).join(roomId, "s1"), stage.user("@bea:s2").join(roomId, via)], {
            concurrency: "unbounded",
          })
          yield* stage.quiet
          const handshakes = kernel.trace.records
            .slice(before)
            .filter(
              ({ kind, fields }) => kind === "request" && fields.some((f) => String(f).includes("send_join")),
            )
          expect(handshakes).toHaveLength(1)
          for (const server of ["s1", "s2", "s3"]) {
            for (const user of [bob, "@bea:s2"])
              expect(membershipOn(played, server, roomId, user)).toBe("join")
          }
          expect(dagOn(played, "s2", roomId)!.forwardExtremities()).toHaveLength(1)
        }),
      )
    }
  })

  it("a second user goes by its own way where the first one's fails", async () => {
    await withRoom({ servers: 3 }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user("@carol:s3").join(roomId, "s1")
        yield* stage.quiet
        yield* stage.rule("lost", { source: "s2", destination: "s1", path: /make_join/ }, drop)
        const joining = yield* Effect.forkChild(refusal(stage.user(bob).join(roomId, "s1")))
        yield* stage.wait(1)
        const second = yield* stage.user("@bea:s2").join(roomId, "s3")
        const first = yield* Fiber.join(joining)
        expect([first.includes("s1"), second.content.membership]).toEqual([true, "join"])
        expect(membershipOn(played, "s3", roomId, "@bea:s2")).toBe("join")
      }),
    )
  })
})
