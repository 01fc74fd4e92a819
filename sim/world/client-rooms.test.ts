/** Client-server API §Rooms: making them, coming in and going out, speaking, state, redactions. */
import { Context, Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { JsonObject, JsonValue } from "#spec-impl/core/json/value.ts"
import { Profiles } from "#spec-impl/federation/queries/profiles.ts"
import { type Client, type ClientAnswer, registerClient } from "./testing/client.ts"
import { type Played, type PlayOptions, play } from "./testing/play.ts"

const errorOf = ({ status, body }: ClientAnswer) => `${status} ${String(body.errcode)}`
const say = (body: string) => ({ msgtype: "m.text", body })
const path = encodeURIComponent

/** Two servers with a user on each, and one more on the first. */
const withUsers = <A>(
  story: (played: Played & { alice: Client; bob: Client; carol: Client }) => Effect.Effect<A, unknown>,
  options: PlayOptions = {},
) =>
  play({ servers: 2, ...options, settings: { enableRegistration: true, ...options.settings } }, (played) =>
    Effect.gen(function* () {
      const alice = yield* registerClient(played, "s1", "alice")
      const carol = yield* registerClient(played, "s1", "carol")
      const bob = yield* registerClient(played, "s2", "bob")
      return yield* story({ ...played, alice, bob, carol })
    }),
  )

const createRoom = Effect.fnUntraced(function* (client: Client, wishes: JsonObject = {}) {
  const answer = yield* client.post("/createRoom", wishes)
  if (answer.status !== 200) return yield* Effect.die(new Error(JSON.stringify(answer.body)))
  return String(answer.body.room_id)
})

const list = (value: JsonValue | undefined) => value as readonly JsonObject[]
const typesIn = (events: readonly JsonObject[]) => events.map(({ type }) => type)

describe.each(["1", "3", "10", "11", "12"])("a room of version %s", (version) => {
  it("begins with the events of the specification, in their order", () =>
    withUsers(({ alice, bob }) =>
      Effect.gen(function* () {
        const roomId = yield* createRoom(alice, {
          room_version: version,
          preset: "public_chat",
          room_alias_name: "pub",
          name: "The Pub",
          topic: "Beer",
          creation_content: { "m.federate": true, creator: "@nobody:s1", room_version: "none" },
          initial_state: [
            { type: "m.room.join_rules", content: { join_rule: "knock" } },
            { type: "org.example", state_key: "x", content: { a: 1 } },
          ].filter(({ type }) => type !== "m.room.join_rules" || Number(version) >= 7),
          power_level_content_override: { events_default: 1 },
          invite: [bob.userId],
          is_direct: true,
        })
        const { body } = yield* alice.get(`/rooms/${path(roomId)}/messages?dir=f&limit=100`)
        const isOwnJoinRule = Number(version) >= 7
        expect(typesIn(list(body.chunk))).toEqual([
          "m.room.create",
          "m.room.member",
          "m.room.power_levels",
          "m.room.canonical_alias",
          ...(isOwnJoinRule ? [] : ["m.room.join_rules"]),
          "m.room.history_visibility",
          "m.room.guest_access",
          ...(isOwnJoinRule ? ["m.room.join_rules"] : []),
          "org.example",
          "m.room.name",
          "m.room.topic",
          "m.room.member",
        ])
        const contentOf = (type: string, key = "") =>
          Effect.map(alice.get(`/rooms/${path(roomId)}/state/${type}/${path(key)}`), (answer) => answer.body)
        expect((yield* contentOf("m.room.create")).room_version).toBe(version)
        expect((yield* contentOf("m.room.create")).creator).toBe(
          Number(version) < 11 ? alice.userId : undefined,
        )
        const levels = yield* contentOf("m.room.power_levels")
        expect(levels).toMatchObject({ events_default: 1, state_default: 50 })
        expect(levels.users).toEqual(version === "12" ? {} : { [alice.userId]: 100 })
        expect(levels.events).toEqual(version === "12" ? { "m.room.tombstone": 150 } : {})
        expect(yield* contentOf("m.room.canonical_alias")).toEqual({ alias: "#pub:s1" })
        expect(yield* contentOf("m.room.member", bob.userId)).toEqual({
          membership: "invite",
          is_direct: true,
        })
        const joined = yield* bob.post(`/join/${path("#pub:s1")}`, { reason: "thirst" })
        expect(joined.body).toEqual({ room_id: roomId })
        expect(yield* contentOf("m.room.member", bob.userId)).toEqual({
          membership: "join",
          reason: "thirst",
        })
      }),
    ))

  it("carries what is said, once for each transaction id, and shows it redacted", () =>
    withUsers((played) =>
      Effect.gen(function* () {
        const { alice, carol, bob, stage } = played
        const roomId = yield* createRoom(alice, { room_version: version, preset: "public_chat" })
        const room = `/rooms/${path(roomId)}`
        yield* carol.post(`${room}/join`)
        yield* bob.post(`/join/${path(roomId)}?via=s1`)
        const first = yield* alice.put(`${room}/send/m.room.message/t1`, say("hello"))
        expect(first.status).toBe(200)
        const again = yield* alice.put(`${room}/send/m.room.message/t1`, say("hello"))
        expect(again.body).toEqual(first.body)
        const others = yield* carol.put(`${room}/send/m.room.message/t1`, say("hello"))
        expect(others.body.event_id).not.toBe(first.body.event_id)
        yield* stage.restart("s1")
        expect((yield* alice.put(`${room}/send/m.room.message/t1`, say("hello"))).body).toEqual(first.body)

        const event = `${room}/event/${path(String(first.body.event_id))}`
        const own = yield* alice.get(event)
        expect(own.body).toMatchObject({
          room_id: roomId,
          sender: alice.userId,
          type: "m.room.message",
          content: say("hello"),
          unsigned: { transaction_id: "t1", membership: "join" },
        })
        expect(own.body.state_key).toBeUndefined()
        expect((yield* carol.get(event)).body.unsigned).not.toHaveProperty("transaction_id")
        yield* stage.quiet
        expect((yield* bob.get(event)).body.content).toEqual(say("hello"))

        const target = path(String(first.body.event_id))
        const redaction = yield* alice.put(`${room}/redact/${target}/r1`, { reason: "oops" })
        expect((yield* alice.put(`${room}/redact/${target}/r1`, { reason: "oops" })).body).toEqual(
          redaction.body,
        )
        yield* stage.quiet
        for (const client of [alice, bob]) {
          const { body } = yield* client.get(event)
          expect(body.content).toEqual({})
          expect(body.unsigned).toMatchObject({
            redacted_because: {
              event_id: redaction.body.event_id,
              content: { reason: "oops", redacts: first.body.event_id },
              redacts: first.body.event_id,
            },
          })
        }
        const bySend = yield* carol.put(`${room}/send/m.room.redaction/r2`, {
          redacts: others.body.event_id!,
        })
        expect(bySend.status).toBe(200)
        const gone = yield* alice.get(`${room}/event/${path(String(others.body.event_id))}`)
        expect(gone.body.content).toEqual({})
        expect(errorOf(yield* carol.put(`${room}/redact/$unknown/r3`, {}))).toBe("404 M_NOT_FOUND")
      }),
    ))
})

describe("createRoom", () => {
  it.each([
    [{ room_version: "999" }, "400 M_UNSUPPORTED_ROOM_VERSION"],
    [{ room_alias_name: "a:b" }, "400 M_INVALID_PARAM"],
    [{ invite: ["nobody"] }, "400 M_INVALID_PARAM"],
    [{ preset: "no_chat" }, "400 M_BAD_JSON"],
    [{ initial_state: [{ type: "m.room.name" }] }, "400 M_BAD_JSON"],
    [
      { room_version: "11", power_level_content_override: { users: {} }, name: "x" },
      "400 M_INVALID_ROOM_STATE",
    ],
    [
      { room_version: "12", power_level_content_override: { users: { "@alice:s1": 100 } } },
      "400 M_INVALID_ROOM_STATE",
    ],
  ])("of %j is refused with %s", (wishes, error) =>
    withUsers(({ alice }) =>
      Effect.gen(function* () {
        expect(errorOf(yield* alice.post("/createRoom", wishes as JsonObject))).toBe(error)
      }),
    ),
  )

  it("refuses an alias that is taken before it makes anything", () =>
    withUsers(({ alice, carol }) =>
      Effect.gen(function* () {
        yield* createRoom(alice, { room_alias_name: "pub" })
        expect(errorOf(yield* carol.post("/createRoom", { room_alias_name: "pub" }))).toBe(
          "400 M_ROOM_IN_USE",
        )
        expect((yield* carol.get("/joined_rooms")).body).toEqual({ joined_rooms: [] })
      }),
    ))

  it.each(["11", "12"])("gives those whom one trusts the same power, in version %s", (version) =>
    withUsers(({ alice, carol }) =>
      Effect.gen(function* () {
        const roomId = yield* createRoom(alice, {
          room_version: version,
          preset: "trusted_private_chat",
          invite: [carol.userId],
        })
        const room = `/rooms/${path(roomId)}`
        yield* carol.post(`${room}/join`)
        const { body } = yield* carol.get(`${room}/state/m.room.create`)
        expect(body.additional_creators).toEqual(version === "12" ? [carol.userId] : undefined)
        expect((yield* carol.put(`${room}/state/m.room.name`, { name: "ours" })).status).toBe(200)
      }),
    ),
  )

  it("is private unless something else is said, and published where that is said", () =>
    withUsers(({ alice, carol }) =>
      Effect.gen(function* () {
        const closed = yield* createRoom(alice)
        expect(errorOf(yield* carol.post(`/join/${path(closed)}`))).toBe("403 M_FORBIDDEN")
        const public_ = yield* createRoom(alice, { visibility: "public" })
        expect((yield* carol.post(`/join/${path(public_)}`)).status).toBe(200)
        expect((yield* alice.get("/joined_rooms")).body.joined_rooms).toEqual([closed, public_].sort())
      }),
    ))
})

describe("memberships", () => {
  it("are changed as the room's rules let users do, and refused otherwise", () =>
    withUsers(({ alice, bob, carol, stage }) =>
      Effect.gen(function* () {
        const roomId = yield* createRoom(alice)
        const room = `/rooms/${path(roomId)}`
        const user = { user_id: carol.userId }
        const membership = Effect.map(
          alice.get(`${room}/state/m.room.member/${path(carol.userId)}`),
          ({ body }) => [body.membership, body.reason].filter((part) => part !== undefined).join(" "),
        )
        expect(errorOf(yield* alice.post(`${room}/kick`, user))).toBe("403 M_FORBIDDEN")
        expect(errorOf(yield* alice.post(`${room}/unban`, user))).toBe("403 M_FORBIDDEN")
        expect(errorOf(yield* carol.post(`${room}/invite`, user))).toBe("403 M_FORBIDDEN")
        expect(errorOf(yield* alice.post(`${room}/invite`, { user_id: "carol" }))).toBe("400 M_INVALID_PARAM")
        expect(errorOf(yield* alice.post(`${room}/invite`, {}))).toBe("400 M_MISSING_PARAM")
        expect((yield* alice.post(`${room}/invite`, { ...user, reason: "come" })).body).toEqual({})
        expect(yield* membership).toBe("invite come")
        expect((yield* carol.post(`${room}/join`, { reason: "ok" })).body).toEqual({ room_id: roomId })
        expect((yield* carol.post(`${room}/join`)).body).toEqual({ room_id: roomId })
        expect(yield* membership).toBe("join ok")
        expect(errorOf(yield* alice.post(`${room}/invite`, user))).toBe("403 M_FORBIDDEN")
        expect(errorOf(yield* carol.post(`${room}/ban`, { user_id: alice.userId }))).toBe("403 M_FORBIDDEN")
        yield* alice.post(`${room}/kick`, { ...user, reason: "loud" })
        expect(yield* membership).toBe("leave loud")
        yield* alice.post(`${room}/ban`, { ...user, reason: "louder" })
        expect(yield* membership).toBe("ban louder")
        expect(errorOf(yield* carol.post(`${room}/join`))).toBe("403 M_FORBIDDEN")
        yield* alice.post(`${room}/unban`, user)
        expect(yield* membership).toBe("leave")

        yield* alice.post(`${room}/invite`, { user_id: bob.userId })
        expect((yield* bob.post(`${room}/leave`, { reason: "no" })).body).toEqual({})
        yield* stage.quiet
        const bobs = yield* alice.get(`${room}/state/m.room.member/${path(bob.userId)}`)
        expect(bobs.body).toMatchObject({ membership: "leave", reason: "no" })
      }),
    ))

  it("begin with a knock where the room lets users knock", () =>
    withUsers(({ alice, bob, carol, stage }) =>
      Effect.gen(function* () {
        const initial = [{ type: "m.room.join_rules", content: { join_rule: "knock" } }]
        const roomId = yield* createRoom(alice, { initial_state: initial })
        const knock = yield* bob.post(`/knock/${path(roomId)}?server_name=s1`, { reason: "please" })
        expect(knock.body).toEqual({ room_id: roomId })
        yield* stage.quiet
        const { body } = yield* alice.get(`/rooms/${path(roomId)}/state/m.room.member/${path(bob.userId)}`)
        expect(body).toMatchObject({ membership: "knock", reason: "please" })
        expect(errorOf(yield* carol.post("/knock/!nowhere"))).toBe("404 M_NOT_FOUND")
        expect(errorOf(yield* carol.post("/join/!nowhere"))).toBe("404 M_NOT_FOUND")
        expect(errorOf(yield* carol.post(`/join/${path("#nothing:s1")}`))).toBe("404 M_NOT_FOUND")
        expect(errorOf(yield* carol.post("/join/nothing"))).toBe("400 M_INVALID_PARAM")
        const closed = yield* createRoom(alice)
        expect(errorOf(yield* carol.post(`/knock/${path(closed)}`))).toBe("403 M_FORBIDDEN")
      }),
    ))

  it("carry the name and picture of the user", () =>
    withUsers(({ alice, bob, servers }) =>
      Effect.gen(function* () {
        const profiles = Context.get(servers.get("s2")!.services, Profiles)
        yield* profiles.set(bob.userId, "displayname", "Bob")
        const roomId = yield* createRoom(alice, { preset: "public_chat" })
        yield* bob.post(`/join/${path(roomId)}?via=s1`)
        const { body } = yield* alice.get(`/rooms/${path(roomId)}/joined_members`)
        expect(body).toEqual({ joined: { [alice.userId]: {}, [bob.userId]: { display_name: "Bob" } } })
      }),
    ))

  it("end for good once the room is forgotten", () =>
    withUsers(({ alice, carol, stage }) =>
      Effect.gen(function* () {
        const roomId = yield* createRoom(alice, { preset: "public_chat" })
        const room = `/rooms/${path(roomId)}`
        yield* carol.post(`${room}/join`)
        expect(errorOf(yield* carol.post(`${room}/forget`))).toBe("400 M_UNKNOWN")
        yield* carol.post(`${room}/leave`)
        expect((yield* carol.get(`${room}/state`)).status).toBe(200)
        expect((yield* carol.post(`${room}/forget`)).body).toEqual({})
        yield* stage.restart("s1")
        expect(errorOf(yield* carol.get(`${room}/state`))).toBe("403 M_FORBIDDEN")
        expect(errorOf(yield* carol.get(`${room}/messages?dir=b`))).toBe("403 M_FORBIDDEN")
        yield* carol.post(`${room}/join`)
        expect((yield* carol.get(`${room}/state`)).status).toBe(200)
      }),
    ))
})

describe("state", () => {
  it("is set and read in all forms of its path", () =>
    withUsers(({ alice, carol }) =>
      Effect.gen(function* () {
        const roomId = yield* createRoom(alice, { preset: "public_chat" })
        const state = `/rooms/${path(roomId)}/state`
        yield* carol.post(`/join/${path(roomId)}`)
        const set = yield* alice.put(`${state}/m.room.name`, { name: "one" })
        expect((yield* alice.get(`${state}/m.room.name/`)).body).toEqual({ name: "one" })
        const second = yield* alice.put(`${state}/m.room.name/`, { name: "two" })
        expect((yield* alice.get(`${state}/m.room.name`)).body).toEqual({ name: "two" })
        const whole = yield* carol.get(`${state}/m.room.name?format=event`)
        expect(whole.body).toMatchObject({
          event_id: second.body.event_id,
          state_key: "",
          content: { name: "two" },
          unsigned: { replaces_state: set.body.event_id, prev_content: { name: "one" } },
        })
        yield* alice.put(`${state}/org.example/a%2Fb`, { a: 1 })
        expect((yield* carol.get(`${state}/org.example/a%2Fb`)).body).toEqual({ a: 1 })
        expect(errorOf(yield* carol.get(`${state}/org.example`))).toBe("404 M_NOT_FOUND")
        expect(errorOf(yield* carol.put(`${state}/m.room.name`, { name: "mine" }))).toBe("403 M_FORBIDDEN")
        expect(errorOf(yield* alice.post(`${state}/m.room.name`, {}))).toBe("405 M_UNRECOGNIZED")
      }),
    ))

  it("is what it was when the user left, and nothing for whoever never was in the room", () =>
    withUsers(({ alice, carol, bob }) =>
      Effect.gen(function* () {
        const roomId = yield* createRoom(alice, { preset: "public_chat", name: "before" })
        const room = `/rooms/${path(roomId)}`
        expect(errorOf(yield* carol.get(`${room}/state`))).toBe("403 M_FORBIDDEN")
        yield* alice.post(`${room}/invite`, { user_id: carol.userId })
        expect(errorOf(yield* carol.get(`${room}/state`))).toBe("403 M_FORBIDDEN")
        yield* carol.post(`${room}/join`)
        yield* carol.post(`${room}/leave`)
        yield* alice.put(`${room}/state/m.room.name`, { name: "after" })
        yield* alice.post(`${room}/ban`, { user_id: carol.userId })
        expect((yield* carol.get(`${room}/state/m.room.name`)).body).toEqual({ name: "before" })
        const { body } = yield* carol.get(`${room}/state/m.room.member/${path(carol.userId)}`)
        expect(body).toEqual({ membership: "leave" })
        expect(errorOf(yield* carol.get(`${room}/joined_members`))).toBe("403 M_FORBIDDEN")
        for (const part of [
          "/state",
          "/state/m.room.name",
          "/members",
          "/joined_members",
          "/messages?dir=b",
        ]) {
          expect(errorOf(yield* bob.get(`${room}${part}`))).toBe("403 M_FORBIDDEN")
        }
      }),
    ))

  it("names no alias that leads elsewhere", () =>
    withUsers(({ alice }) =>
      Effect.gen(function* () {
        yield* createRoom(alice, { room_alias_name: "elsewhere" })
        const roomId = yield* createRoom(alice, { room_alias_name: "here" })
        const state = `/rooms/${path(roomId)}/state/m.room.canonical_alias`
        const set = (content: JsonObject) => alice.put(state, content)
        expect(errorOf(yield* set({ alias: "#elsewhere:s1" }))).toBe("400 M_BAD_ALIAS")
        expect(errorOf(yield* set({ alt_aliases: ["#nothing:s1"] }))).toBe("400 M_BAD_ALIAS")
        expect(errorOf(yield* set({ alias: "here" }))).toBe("400 M_INVALID_PARAM")
        expect((yield* set({ alt_aliases: ["#here:s1"] })).status).toBe(200)
      }),
    ))

  it("lets a user join by its own membership", () =>
    withUsers(({ alice, carol }) =>
      Effect.gen(function* () {
        const roomId = yield* createRoom(alice, { preset: "public_chat" })
        const state = `/rooms/${path(roomId)}/state/m.room.member/${path(carol.userId)}`
        expect((yield* carol.put(state, { membership: "join", displayname: "C" })).status).toBe(200)
        expect((yield* carol.get(state)).body).toEqual({ membership: "join", displayname: "C" })
      }),
    ))
})

describe("what is said", () => {
  it("is refused where the user is not in the room, or nobody here is", () =>
    withUsers(({ alice, carol }) =>
      Effect.gen(function* () {
        const roomId = yield* createRoom(alice)
        const to = (room: string) => `/rooms/${path(room)}/send/m.room.message/t`
        expect(errorOf(yield* carol.put(to(roomId), say("hi")))).toBe("403 M_FORBIDDEN")
        expect(errorOf(yield* carol.put(to("!nowhere"), say("hi")))).toBe("403 M_FORBIDDEN")
        expect(errorOf(yield* alice.put(to(roomId), "no object"))).toBe("400 M_BAD_JSON")
        const long = { msgtype: "m.text", body: "x".repeat(70_000) }
        expect((yield* alice.put(to(roomId), long)).status).toBe(413)
      }),
    ))

  it("is made once, though asked for twice at the same time", () =>
    withUsers(({ alice }) =>
      Effect.gen(function* () {
        const roomId = yield* createRoom(alice)
        const send = alice.put(`/rooms/${path(roomId)}/send/m.room.message/t`, say("hi"))
        const [one, other] = yield* Effect.all([send, send], { concurrency: "unbounded" })
        expect(one?.body.event_id).toBe(other?.body.event_id)
        const { body } = yield* alice.get(`/rooms/${path(roomId)}/messages?dir=b&limit=2`)
        expect(typesIn(list(body.chunk)).filter((type) => type === "m.room.message")).toHaveLength(1)
      }),
    ))

  it("annotates an event with the same key once", () =>
    withUsers(({ alice, carol }) =>
      Effect.gen(function* () {
        const roomId = yield* createRoom(alice, { preset: "public_chat" })
        const room = `/rooms/${path(roomId)}`
        yield* carol.post(`${room}/join`)
        const { body } = yield* alice.put(`${room}/send/m.room.message/t`, say("hi"))
        const like = { "m.relates_to": { rel_type: "m.annotation", event_id: body.event_id!, key: "👍" } }
        const first = yield* alice.put(`${room}/send/m.reaction/r1`, like)
        expect(first.status).toBe(200)
        expect(errorOf(yield* alice.put(`${room}/send/m.reaction/r2`, like))).toBe(
          "400 M_DUPLICATE_ANNOTATION",
        )
        expect((yield* carol.put(`${room}/send/m.reaction/r1`, like)).status).toBe(200)
        yield* alice.put(`${room}/redact/${path(String(first.body.event_id))}/x`, {})
        expect((yield* alice.put(`${room}/send/m.reaction/r3`, like)).status).toBe(200)
      }),
    ))
})

describe("upgrade", () => {
  it("gives the room that takes the old one's place", () =>
    withUsers(({ alice, carol }) =>
      Effect.gen(function* () {
        const roomId = yield* createRoom(alice, { room_version: "10", preset: "public_chat" })
        const room = `/rooms/${path(roomId)}`
        yield* carol.post(`${room}/join`)
        expect(errorOf(yield* carol.post(`${room}/upgrade`, { new_version: "12" }))).toBe("403 M_FORBIDDEN")
        expect(errorOf(yield* alice.post(`${room}/upgrade`, { new_version: "x" }))).toBe(
          "400 M_UNSUPPORTED_ROOM_VERSION",
        )
        const { body } = yield* alice.post(`${room}/upgrade`, {
          new_version: "12",
          additional_creators: [carol.userId],
        })
        const tombstone = yield* alice.get(`${room}/state/m.room.tombstone`)
        expect(tombstone.body.replacement_room).toBe(body.replacement_room)
        const create = yield* alice.get(`/rooms/${path(String(body.replacement_room))}/state/m.room.create`)
        expect(create.body).toMatchObject({
          additional_creators: [carol.userId],
          predecessor: { room_id: roomId },
        })
      }),
    ))
})
