/** Knocking and leaving by way of another server: each error, and what the handshakes leave behind. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { eventIdOf } from "#spec-impl/core/event-id.ts"
import { canonicalJsonBytes } from "#spec-impl/core/json/encode.ts"
import { isJsonObject, type JsonObject } from "#spec-impl/core/json/value.ts"
import { readingsDefault } from "#spec-impl/core/readings.ts"
import { roomVersions, roomVersion as versionOf } from "#spec-impl/core/room-version.ts"
import { signEvent } from "#spec-impl/core/signing.ts"
import { readJson } from "#spec-impl/federation/json-body.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import { alterReply, withBody } from "../network/rules.ts"
import { type Played, type PlayOptions, play, refusal } from "./testing/play.ts"
import { sendRaw } from "./testing/raw-request.ts"

const alice = "@alice:s1"
const bob = "@bob:s2"
const signatures = nativeSignatures("libsodium")

/** Alice's room on s1. */
const withRoom = <A, E>(
  options: PlayOptions & { readonly joinRule?: string },
  story: (played: Played, roomId: string) => Effect.Effect<A, E>,
) =>
  play({ servers: 3, ...options }, (played) =>
    Effect.gen(function* () {
      const roomId = yield* played.stage.user(alice).createRoom({ joinRule: options.joinRule ?? "knock" })
      return yield* story(played, roomId)
    }),
  )
const membershipOn = ({ stage }: Played, server: string, roomId: string, userId = bob): unknown =>
  stage.stateOf(server, roomId, "m.room.member", userId)?.content.membership

type Handshake = "knock" | "leave"

const make = (
  played: Played,
  handshake: Handshake,
  roomId: string,
  more: Partial<{ userId: string; query: string; from: string }> = {},
) =>
  sendRaw(played, {
    from: more.from ?? "s2",
    to: "s1",
    method: "GET",
    target: `/_matrix/federation/v1/make_${handshake}/${encodeURIComponent(roomId)}/${encodeURIComponent(more.userId ?? bob)}${more.query ?? (handshake === "knock" ? "?ver=7&ver=9&ver=12" : "")}`,
  })

/** What is otherwise about the event, before and after it is signed by s2, and how it is sent. */
interface Oddities {
  readonly before?: (event: JsonObject) => JsonObject
  readonly after?: (pdu: JsonObject) => JsonObject
  readonly eventId?: string
  readonly from?: string
  readonly roomId?: string
}

/** make_… and send_… by hand, as s2. */
const handshake = Effect.fnUntraced(function* (
  played: Played,
  kind: Handshake,
  roomId: string,
  roomVersion: string,
  path: string,
  odd: Oddities = {},
) {
  const made = yield* make(played, kind, roomId, { query: kind === "knock" ? `?ver=${roomVersion}` : "" })
  const version = versionOf(roomVersion)!
  const { keyId, seed } = played.servers.get("s2")!.identity.signingKey
  const template = made.body.event as JsonObject
  const named = version.eventId === "opaque" ? { ...template, event_id: "$picked:s2" } : template
  const event = odd.before?.(named) ?? named
  const signed = signEvent(event, version, "s2", keyId, (bytes) => signatures.sign(seed, bytes))
  const pdu = odd.after?.(signed) ?? signed
  const eventId = odd.eventId ?? eventIdOf(pdu, version) ?? "$none"
  return yield* sendRaw(played, {
    from: odd.from ?? "s2",
    to: "s1",
    method: "PUT",
    target: `/_matrix/federation/${path}/${encodeURIComponent(odd.roomId ?? roomId)}/${encodeURIComponent(eventId)}`,
    body: pdu,
  })
})

const unfit = (another: string): Readonly<Record<string, Oddities>> => ({
  "a wrong signature": { after: (pdu) => ({ ...pdu, signatures: { s2: { "ed25519:1": "A".repeat(86) } } }) },
  "another type": { before: (event) => ({ ...event, type: "m.room.name" }) },
  "another membership": { before: (event) => ({ ...event, content: { membership: another } }) },
  "a sender of another server": { from: "s3" },
  "a state_key that is not the sender": { before: (event) => ({ ...event, state_key: "@ben:s2" }) },
  "another event id": { eventId: "$another" },
  "no depth": { before: ({ depth: _, ...event }) => event },
  "parents that nobody has": {
    before: (event) => ({
      ...event,
      prev_events: (event.prev_events as readonly (string | readonly [string, JsonObject])[]).map((parent) =>
        typeof parent === "string" ? "$unknown" : (["$unknown:s1", parent[1]] as const),
      ),
    }),
  },
})

describe("make_knock", () => {
  it("names the room's version to who does not know it, and wants the versions said", async () => {
    await withRoom({ roomVersion: "7" }, (played, roomId) =>
      Effect.gen(function* () {
        const { status, body } = yield* make(played, "knock", roomId, { query: "?ver=8&ver=9" })
        expect([status, body]).toMatchObject([
          400,
          { errcode: "M_INCOMPATIBLE_ROOM_VERSION", room_version: "7" },
        ])
        const silent = yield* make(played, "knock", roomId, { query: "" })
        expect([silent.status, silent.errcode]).toEqual([400, "M_MISSING_PARAM"])
        const fine = yield* make(played, "knock", roomId)
        expect(fine.body).toMatchObject({ room_version: "7", event: { content: { membership: "knock" } } })
      }),
    )
  })

  it("is refused for users of others, in rooms that are not known, and where the ACL says so", async () => {
    await withRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const outcome = ({ status, errcode }: { status: number; errcode: unknown }) => [status, errcode]
        expect(outcome(yield* make(played, "knock", roomId, { userId: "@dan:s3" }))).toEqual([
          403,
          "M_FORBIDDEN",
        ])
        expect(outcome(yield* make(played, "knock", "!none:s1"))).toEqual([404, "M_NOT_FOUND"])
        yield* played.stage.user(alice).setState(roomId, "m.room.server_acl", { allow: ["s1"] })
        expect(outcome(yield* make(played, "knock", roomId))).toEqual([403, "M_FORBIDDEN"])
      }),
    )
  })

  it("is refused in rooms before 7, which know no knocks", async () => {
    for (const roomVersion of ["1", "6"]) {
      await withRoom({ roomVersion }, (played, roomId) =>
        Effect.gen(function* () {
          const { status, errcode } = yield* make(played, "knock", roomId, { query: `?ver=${roomVersion}` })
          expect([status, errcode]).toEqual([403, "M_FORBIDDEN"])
        }),
      )
    }
  })
})

describe("send_knock", () => {
  for (const roomVersion of ["7", "12"]) {
    for (const [what, odd] of Object.entries(unfit("join"))) {
      it(`room ${roomVersion}: refuses ${what} with 400 M_INVALID_PARAM`, async () => {
        await withRoom({ roomVersion }, (played, roomId) =>
          Effect.gen(function* () {
            const { status, errcode } = yield* handshake(
              played,
              "knock",
              roomId,
              roomVersion,
              "v1/send_knock",
              odd,
            )
            expect([status, errcode]).toEqual([400, "M_INVALID_PARAM"])
            expect(membershipOn(played, "s1", roomId)).toBeUndefined()
          }),
        )
      })
    }
  }

  it("is refused where the room is not known, or is for knocking no longer", async () => {
    await withRoom({ roomVersion: "11" }, (played, roomId) =>
      Effect.gen(function* () {
        const unknown = yield* handshake(played, "knock", roomId, "11", "v1/send_knock", {
          roomId: "!none:s1",
        })
        expect([unknown.status, unknown.errcode]).toEqual([404, "M_NOT_FOUND"])
        yield* played.stage.rule(
          "shut",
          { path: /send_knock/ },
          {
            kind: "hold",
            until: Effect.ignore(
              played.stage.user(alice).setState(roomId, "m.room.join_rules", { join_rule: "invite" }),
            ),
          },
        )
        const late = yield* handshake(played, "knock", roomId, "11", "v1/send_knock")
        expect([late.status, late.errcode]).toEqual([403, "M_FORBIDDEN"])
      }),
    )
  })

  it("tells what the room is: full events, the create event first", async () => {
    for (const { id: roomVersion } of roomVersions.slice(6)) {
      await withRoom({ roomVersion }, (played, roomId) =>
        Effect.gen(function* () {
          const { body } = yield* handshake(played, "knock", roomId, roomVersion, "v1/send_knock")
          const told = body.knock_room_state as readonly JsonObject[]
          expect(told.map(({ type }) => type)).toEqual(["m.room.create", "m.room.join_rules"])
          const { dag } = played.servers.get("s1")!.rooms.find(roomId)!
          expect(told[0]).toEqual(dag.create()!.pdu)
        }),
      )
    }
  })

  it("what a resident server puts beside the events of the room is not kept", async () => {
    await withRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        yield* stage.rule(
          "gossip",
          { path: /send_knock/ },
          alterReply((response) => {
            const body = readJson(response.body)
            const told = isJsonObject(body) ? (body.knock_room_state as readonly JsonObject[]) : []
            const altered = told.map((pdu) => ({ ...pdu, unsigned: { age: 1 } }))
            return withBody(response, canonicalJsonBytes({ knock_room_state: [...altered, { type: 7 }] }))
          }),
        )
        yield* stage.user(bob).knock(roomId, "s1")
        const { roomState } = servers.get("s2")!.outside.standingOf(bob, roomId)!
        expect(roomState.map((pdu) => [pdu.type, "unsigned" in pdu])).toEqual([
          ["m.room.create", false],
          ["m.room.join_rules", false],
        ])
      }),
    )
  })
})

describe("who may knock", () => {
  it("in knock_restricted rooms, from room 10 on", async () => {
    for (const { id: roomVersion } of roomVersions.slice(6)) {
      await withRoom({ roomVersion, joinRule: "knock_restricted" }, (played, roomId) =>
        Effect.gen(function* () {
          yield* Effect.ignore(played.stage.user(bob).knock(roomId, "s1"))
          const expected = Number(roomVersion) >= 10 ? "knock" : undefined
          expect([roomVersion, membershipOn(played, "s1", roomId)]).toEqual([roomVersion, expected])
        }),
      )
    }
  })

  it("not who is banned or joined; who is invited, as a server reads it (divergence 11)", async () => {
    for (const knockAfterInvite of ["forbidden", "allowed"] as const) {
      const settings = { readings: { ...readingsDefault, knockAfterInvite } }
      await withRoom({ roomVersion: "10", settings }, (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          yield* stage.user(alice).invite(roomId, bob)
          yield* Effect.ignore(stage.user(bob).knock(roomId, "s1"))
          expect(membershipOn(played, "s1", roomId)).toBe(
            knockAfterInvite === "forbidden" ? "invite" : "knock",
          )
          yield* stage.user(alice).ban(roomId, bob)
          expect(yield* refusal(stage.user(bob).knock(roomId, "s1"))).toContain("403 M_FORBIDDEN")
          expect(yield* refusal(stage.user(alice).knock(roomId))).toContain("403 M_FORBIDDEN")
        }),
      )
    }
  })
})

describe("make_leave", () => {
  it("is for who is in the room, invited or knocking, and of the server that asks", async () => {
    await withRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const outcome = ({ status, errcode }: { status: number; errcode: unknown }) => [status, errcode]
        expect(outcome(yield* make(played, "leave", roomId))).toEqual([403, "M_FORBIDDEN"])
        yield* played.stage.user(bob).knock(roomId, "s1")
        const { status, body } = yield* make(played, "leave", roomId)
        expect([status, body]).toMatchObject([
          200,
          { room_version: "12", event: { state_key: bob, content: { membership: "leave" } } },
        ])
        expect(outcome(yield* make(played, "leave", roomId, { from: "s3" }))).toEqual([403, "M_FORBIDDEN"])
        expect(outcome(yield* make(played, "leave", "!none:s1"))).toEqual([404, "M_NOT_FOUND"])
        yield* played.stage.user(alice).ban(roomId, bob)
        expect(outcome(yield* make(played, "leave", roomId))).toEqual([403, "M_FORBIDDEN"])
      }),
    )
  })
})

for (const path of ["v1/send_leave", "v2/send_leave"]) {
  describe(path, () => {
    for (const roomVersion of ["1", "11", "12"]) {
      for (const [what, odd] of Object.entries(unfit("invite"))) {
        it(`room ${roomVersion}: refuses ${what} with 400 M_INVALID_PARAM`, async () => {
          await withRoom({ roomVersion, joinRule: "invite" }, (played, roomId) =>
            Effect.gen(function* () {
              yield* played.stage.user(alice).invite(roomId, bob)
              const { status, errcode } = yield* handshake(played, "leave", roomId, roomVersion, path, odd)
              expect([status, errcode]).toEqual([400, "M_INVALID_PARAM"])
              expect(membershipOn(played, "s1", roomId)).toBe("invite")
            }),
          )
        })
      }

      it(`room ${roomVersion}: takes the leave, whatever its depth says`, async () => {
        await withRoom({ roomVersion, joinRule: "invite" }, (played, roomId) =>
          Effect.gen(function* () {
            yield* played.stage.user(alice).invite(roomId, bob)
            const before = (event: JsonObject) => ({ ...event, depth: 77 })
            const { status } = yield* handshake(played, "leave", roomId, roomVersion, path, { before })
            expect([status, membershipOn(played, "s1", roomId)]).toEqual([200, "leave"])
          }),
        )
      })
    }
  })
}

describe("a template of another event than was asked for", () => {
  it("is signed by nobody", async () => {
    const lies: Readonly<Record<string, JsonObject>> = {
      type: { type: "m.room.power_levels" },
      sender: { sender: "@ben:s2" },
      "state key": { state_key: "@ben:s2" },
      room: { room_id: "!other:s1" },
      membership: { content: { membership: "join" } },
    }
    for (const [what, lie] of Object.entries(lies)) {
      await withRoom({ roomVersion: "11" }, (played, roomId) =>
        Effect.gen(function* () {
          const { stage, servers } = played
          yield* stage.rule(
            "lies",
            { path: /make_/ },
            alterReply((response) => {
              const body = readJson(response.body) as JsonObject
              const event = { ...(body.event as JsonObject), ...lie }
              return withBody(response, canonicalJsonBytes({ ...body, event }))
            }),
          )
          expect([what, yield* refusal(stage.user(bob).knock(roomId, "s1"))]).toEqual([
            what,
            expect.stringContaining("502 M_UNKNOWN"),
          ])
          expect(membershipOn(played, "s1", roomId)).toBeUndefined()
          expect(servers.get("s2")!.outside.ofUser(bob)).toEqual([])
        }),
      )
    }
  })
})

describe("an empty room", () => {
  it("is left by its only member, and nobody comes in by its server any more", async () => {
    await withRoom({ joinRule: "public" }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user(alice).leave(roomId)
        expect(membershipOn(played, "s1", roomId, alice)).toBe("leave")
        expect(yield* refusal(stage.user(bob).join(roomId, "s1"))).toContain("404 M_NOT_FOUND")
        expect(yield* refusal(stage.user(alice).say(roomId, "hello?"))).toContain("403 M_FORBIDDEN")
      }),
    )
  })

  it("of one server's users goes on without that server, which is told nothing more", async () => {
    await withRoom({ joinRule: "public" }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        for (const user of [bob, "@ben:s2", "@dan:s3"]) yield* stage.user(user).join(roomId, "s1")
        yield* stage.quiet
        yield* stage.user(bob).leave(roomId)
        const heard = yield* stage.user(alice).say(roomId, "one is still here")
        yield* stage.quiet
        yield* stage.user("@ben:s2").leave(roomId)
        yield* stage.quiet
        const unheard = yield* stage.user(alice).say(roomId, "and now none")
        yield* stage.quiet
        const { dag } = servers.get("s2")!.rooms.find(roomId)!
        expect([heard, unheard].map(({ eventId }) => dag.timeline(eventId) !== undefined)).toEqual([
          true,
          false,
        ])
        expect(servers.get("s3")!.rooms.find(roomId)!.dag.timeline(unheard.eventId)).toBeDefined()
        expect(yield* refusal(stage.user("@eve:s3").join("!none:s2", "s2"))).toContain("404 M_NOT_FOUND")
      }),
    )
  })
})
