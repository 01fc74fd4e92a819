/** Client-server API §Syncing: what a device is told, and when. */
import { Context, Effect, Fiber } from "effect"
import { describe, expect, it } from "vitest"
import { Sync } from "#spec-impl/client-api/sync/sync.ts"
import { Rooms } from "#spec-impl/homeserver/rooms.ts"
import { registerClient } from "./testing/client.ts"
import { alice, bob, inRoom, waitingSync, withClients } from "./testing/client-stories.ts"
import { joined } from "./testing/partial-room.ts"
import type { Played } from "./testing/play.ts"
import { type SyncedRoom, Syncing, type ToldEvent } from "./testing/syncing.ts"

const filterOf = (filter: unknown) => ({ filter: JSON.stringify(filter) })

const waitingOn = ({ servers }: Played, server: string) =>
  Context.get(servers.get(server)!.services, Sync).waiting()

describe("a first sync", () => {
  it("tells of the rooms that the user is in: the end of the timeline, and the state before it", () =>
    inRoom((played, roomId, own, other) =>
      Effect.gen(function* () {
        for (let count = 1; count <= 12; count++) yield* played.stage.user(alice).say(roomId, `${count}`)
        yield* played.stage.quiet
        const room = (yield* own.next()).joined(roomId)
        expect(room.bodies).toEqual(["3", "4", "5", "6", "7", "8", "9", "10", "11", "12"])
        expect(room.json?.timeline).toMatchObject({ limited: true, prev_batch: expect.any(String) })
        const types = room.state.map(({ type }) => type)
        expect(types).toContain("m.room.create")
        expect(types).toContain("m.room.name")
        expect(types.filter((type) => type === "m.room.member")).toHaveLength(2)
        expect(room.json?.summary).toEqual({ "m.joined_member_count": 2, "m.invited_member_count": 0 })
        expect(room.json?.unread_notifications).toEqual({ highlight_count: 0, notification_count: 0 })
        // Bob came in by federation: his server holds what it was told with his join.
        const far = (yield* other.next()).joined(roomId)
        expect(far.bodies).toEqual(room.bodies)
        expect(far.state.map(({ type }) => type).sort()).toEqual(types.sort())
      }),
    ))

  it("of a small room tells everything from the beginning", () =>
    withClients((played, own) =>
      Effect.gen(function* () {
        const roomId = yield* played.stage.user(alice).createRoom()
        const room = (yield* own.next(filterOf({ room: { timeline: { limit: 50 } } }))).joined(roomId)
        expect(room.timeline[0]).toMatchObject({ type: "m.room.create", state_key: "" })
        expect(room.json?.timeline.limited).toBe(false)
        expect(room.state).toEqual([])
      }),
    ))

  it("names the room by its heroes where it has no name", () =>
    withClients((played, own) =>
      Effect.gen(function* () {
        const roomId = yield* played.stage.user(alice).createRoom()
        yield* played.stage.user(alice).invite(roomId, bob)
        expect((yield* own.next()).joined(roomId).json?.summary).toEqual({
          "m.heroes": [bob],
          "m.joined_member_count": 1,
          "m.invited_member_count": 1,
        })
      }),
    ))

  it("refuses a point in time that this server has not given, and a filter that is none", () =>
    withClients((_played, { client }) =>
      Effect.gen(function* () {
        for (const query of [
          "since=nonsense",
          "since=s999_0_0_1",
          "filter=%7B",
          "filter=%7B%22room%22%3A1%7D",
        ]) {
          const answer = yield* client.get(`/sync?${query}`)
          expect([query, answer.status, answer.body.errcode]).toEqual([query, 400, "M_INVALID_PARAM"])
        }
        expect((yield* client.get("/sync?filter=nosuch")).body.errcode).toBe("M_NOT_FOUND")
        expect((yield* client.get("/sync?set_presence=away")).status).toBe(400)
      }),
    ))
})

describe("an incremental sync", () => {
  it("tells what is new, and only that", () =>
    inRoom((played, roomId, own, other) =>
      Effect.gen(function* () {
        yield* own.next()
        yield* other.next()
        expect((yield* own.next()).json.rooms).toBeUndefined()
        yield* played.stage.user(bob).say(roomId, "hello")
        yield* played.stage.quiet
        const room = (yield* own.next()).joined(roomId)
        expect(room.bodies).toEqual(["hello"])
        expect(room.timeline[0]).toMatchObject({ sender: bob, event_id: expect.any(String) })
        expect(room.timeline[0]).not.toHaveProperty("room_id")
        expect(room.json?.timeline.limited).toBe(false)
        expect(room.state).toEqual([])
        expect(room.json?.summary).toBeUndefined()
        expect((yield* other.next()).joined(roomId).bodies).toEqual(["hello"])
        expect((yield* own.next()).json.rooms).toBeUndefined()
      }),
    ))

  it("with more news than it may tell says so, and tells the state that changed in the gap", () =>
    inRoom((played, roomId, own) =>
      Effect.gen(function* () {
        yield* own.next()
        const user = played.stage.user(alice)
        yield* user.setState(roomId, "m.room.topic", { topic: "in the gap" })
        for (let count = 1; count <= 4; count++) yield* user.say(roomId, `${count}`)
        yield* user.setState(roomId, "m.room.name", { name: "told in the timeline" })
        const room = (yield* own.next(filterOf({ room: { timeline: { limit: 3 } } }))).joined(roomId)
        expect(room.bodies).toEqual(["3", "4"])
        expect(room.json?.timeline.limited).toBe(true)
        expect(room.state.map(({ content }) => content)).toEqual([{ topic: "in the gap" }])
        const from = room.json?.timeline.prev_batch
        const before = yield* own.client.get(`/rooms/${roomId}/messages?dir=b&limit=2&from=${from}`)
        expect((before.body.chunk as unknown as ToldEvent[]).map(({ content }) => content.body)).toEqual([
          "2",
          "1",
        ])
      }),
    ))

  it("with use_state_after tells the state at the end of the timeline", () =>
    inRoom((played, roomId, own) =>
      Effect.gen(function* () {
        yield* own.next()
        yield* played.stage.user(alice).setState(roomId, "m.room.topic", { topic: "after" })
        const room = (yield* own.next({ use_state_after: "true" })).joined(roomId)
        expect(room.timeline).toHaveLength(1)
        expect(room.json?.state).toBeUndefined()
        expect(room.json?.state_after.events.map(({ content }) => content)).toEqual([{ topic: "after" }])
        yield* played.stage.user(alice).say(roomId, "and")
        expect((yield* own.next({ use_state_after: "true" })).joined(roomId).json?.state_after).toEqual({
          events: [],
        })
      }),
    ))

  it("tells what both sides of a cut resolve to, where their timelines alone would not", () =>
    inRoom((played, roomId, own) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user(alice).setState(roomId, "m.room.power_levels", {
          users: { [bob]: 50 },
          state_default: 50,
        })
        yield* stage.quiet
        yield* own.next()
        yield* stage.partition(["s1"], ["s2"])
        yield* stage.user(alice).setState(roomId, "m.room.topic", { topic: "of s1" })
        yield* stage.user(bob).setState(roomId, "m.room.topic", { topic: "of s2" })
        yield* stage.heal
        yield* stage.user(bob).say(roomId, "healed")
        yield* stage.quiet
        const room = (yield* own.next({ use_state_after: "true" })).joined(roomId)
        const topic = stage.stateOf("s1", roomId, "m.room.topic")?.content
        expect(room.json?.state_after.events.map(({ content }) => content)).toEqual([topic])
      }),
    ))

  it("with full_state tells all state at once, even where nothing has happened", () =>
    inRoom((_played, roomId, own) =>
      Effect.gen(function* () {
        yield* own.next()
        const room = (yield* own.next({ full_state: "true", timeout: "60000" })).joined(roomId)
        expect(room.timeline).toEqual([])
        expect(room.state.map(({ type }) => type)).toContain("m.room.create")
      }),
    ))

  it("goes on where it was after a restart, with no event twice or not at all", () =>
    inRoom((played, roomId, own) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user(alice).say(roomId, "one")
        yield* own.next()
        yield* stage.user(bob).say(roomId, "two")
        yield* stage.quiet
        yield* stage.crash("s1")
        yield* stage.user(bob).say(roomId, "three")
        yield* stage.restart("s1")
        yield* stage.user(bob).say(roomId, "four")
        yield* stage.quiet
        const room = (yield* own.next()).joined(roomId)
        expect(room.bodies).toEqual(["two", "three", "four"])
        expect(room.json?.timeline.limited).toBe(false)
        expect(room.state).toEqual([])
        expect((yield* own.next()).json.rooms).toBeUndefined()
      }),
    ))
})

describe("a sync that waits", () => {
  it("is answered as soon as there is something, and not before", () =>
    inRoom((played, roomId, own) =>
      Effect.gen(function* () {
        const { stage, kernel } = played
        yield* own.next()
        const fiber = yield* waitingSync(played, own)
        yield* stage.wait(10_000)
        expect(waitingOn(played, "s1")).toBe(1)
        const before = kernel.elapsedMs
        yield* stage.user(bob).say(roomId, "now")
        expect((yield* Fiber.join(fiber)).joined(roomId).bodies).toEqual(["now"])
        expect(kernel.elapsedMs - before).toBeLessThan(1_000)
        expect(waitingOn(played, "s1")).toBe(0)
      }),
    ))

  it("hears of a join by which the server comes into the room, whatever happens first", async () => {
    for (let seed = 1; seed <= 10; seed++) {
      await withClients(
        (played, _own, other) =>
          Effect.gen(function* () {
            const { stage } = played
            const roomId = yield* stage.user(alice).createRoom()
            yield* stage.user(alice).invite(roomId, bob)
            yield* stage.quiet
            expect(Object.keys((yield* other.next()).section("invite"))).toEqual([roomId])
            const fiber = yield* waitingSync(played, other)
            yield* stage.user(bob).join(roomId)
            let synced = yield* Fiber.join(fiber)
            // Of those whom it meets there it may hear a moment before.
            if (synced.json.rooms === undefined) synced = yield* other.next({ timeout: "1000" })
            expect(Object.keys(synced.json.rooms ?? {})).toEqual(["join"])
            expect((yield* other.next()).json.rooms).toBeUndefined()
          }),
        { seed },
      )
    }
  })

  it("is answered with nothing once its time is over", () =>
    inRoom((played, _roomId, own) =>
      Effect.gen(function* () {
        yield* own.next()
        const before = played.kernel.elapsedMs
        expect((yield* own.next({ timeout: "5000" })).json.rooms).toBeUndefined()
        expect(played.kernel.elapsedMs - before).toBe(5_000)
      }),
    ))

  it("goes on waiting while things happen that are nobody's business of this user", () =>
    inRoom((played, _roomId, own) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* own.next()
        const before = played.kernel.elapsedMs
        const fiber = yield* waitingSync(played, own, "5000")
        const carol = stage.user("@carol:s1")
        const elsewhere = yield* carol.createRoom()
        yield* carol.say(elsewhere, "to myself")
        expect((yield* Fiber.join(fiber)).json.rooms).toBeUndefined()
        expect(played.kernel.elapsedMs - before).toBe(5_000)
      }),
    ))

  it("leaves nothing behind when its client goes away", () =>
    inRoom((played, roomId, own) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        yield* own.next()
        const fiber = yield* waitingSync(played, own)
        expect(waitingOn(played, "s1")).toBe(1)
        yield* Fiber.interrupt(fiber)
        expect(waitingOn(played, "s1")).toBe(0)
        yield* stage.user(alice).say(roomId, "to nobody")
        expect(Context.get(servers.get("s1")!.services, Rooms).positions.settled).toBeGreaterThan(0)
        expect((yield* own.next()).joined(roomId).bodies).toEqual(["to nobody"])
      }),
    ))
})

describe("a client that syncs all the time", () => {
  /** Syncs until it has heard that message, and gives all messages of the rooms in the order in which it heard of them. */
  const heardUntil = (syncing: Syncing, rooms: readonly string[], last: string) =>
    Effect.gen(function* () {
      const heard = new Map<string, unknown[]>(rooms.map((roomId) => [roomId, []]))
      while (!heard.values().some((bodies) => bodies.includes(last))) {
        const synced = yield* syncing.next({
          timeout: "30000",
          ...filterOf({ room: { timeline: { limit: 100 } } }),
        })
        for (const roomId of rooms) heard.get(roomId)!.push(...synced.joined(roomId).bodies)
      }
      return heard
    })

  it("hears of each event once, in whatever order rooms commit", async () => {
    for (let seed = 1; seed <= 10; seed++) {
      await inRoom(
        (played, roomId, own) =>
          Effect.gen(function* () {
            const { stage } = played
            const second = yield* stage.user(alice).createRoom()
            yield* stage.user(bob).join(second, "s1")
            yield* stage.quiet
            yield* own.next()
            const fiber = yield* Effect.forkChild(heardUntil(own, [roomId, second], "the last"))
            const talk = (who: string, room: string) =>
              Effect.forEach([1, 2, 3, 4, 5], (count) => stage.user(who).say(room, `${who} ${count}`), {
                discard: true,
              })
            yield* Effect.all(
              [alice, bob].flatMap((who) => [talk(who, roomId), talk(who, second)]),
              { concurrency: "unbounded", discard: true },
            )
            yield* stage.quiet
            yield* stage.user(alice).say(roomId, "the last")
            const heard = yield* Fiber.join(fiber)
            for (const room of [roomId, second]) {
              const bodies = heard.get(room)!.filter((body) => body !== "the last")
              expect([...bodies].sort()).toEqual(
                [alice, bob].flatMap((who) => [1, 2, 3, 4, 5].map((count) => `${who} ${count}`)),
              )
            }
          }),
        { seed },
      )
    }
  })
})

describe("memberships", () => {
  it("invites are told with what the room is, until they are taken up or turned down", () =>
    withClients((played, own, other) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* other.next()
        const roomId = yield* stage.user(alice).createRoom()
        yield* stage.user(alice).setState(roomId, "m.room.name", { name: "Come in" })
        yield* stage.user(alice).invite(roomId, bob)
        yield* stage.quiet
        const invited = yield* other.next()
        const { events } = invited.section("invite")[roomId]!.invite_state
        expect(events).toContainEqual(
          expect.objectContaining({ type: "m.room.name", content: { name: "Come in" }, state_key: "" }),
        )
        expect(events.at(-1)).toMatchObject({
          type: "m.room.member",
          state_key: bob,
          sender: alice,
          content: { membership: "invite" },
        })
        expect(Object.keys(events[0]!).sort()).toEqual(["content", "sender", "state_key", "type"])
        expect((yield* other.next()).json.rooms).toBeUndefined()
        yield* stage.user(bob).leave(roomId)
        const declined = yield* other.next()
        expect(Object.keys(declined.section("leave"))).toEqual([roomId])
        expect(declined.section("invite")).toEqual({})
        yield* stage.user(alice).invite(roomId, bob)
        yield* stage.quiet
        expect(Object.keys((yield* other.next()).section("invite"))).toEqual([roomId])
        yield* stage.user(bob).join(roomId)
        const joined = yield* other.next()
        expect(joined.joined(roomId).json?.timeline.limited).toBe(true)
        expect(joined.joined(roomId).state.map(({ type }) => type)).toContain("m.room.create")
        expect(joined.section("leave")).toEqual({})
        expect(joined.section("invite")).toEqual({})
        // To a user of the same server, too.
        yield* stage.user(alice).invite(roomId, "@carol:s1")
        const carol = new Syncing(yield* registerClient(played, "s1", "carol"))
        expect(Object.keys((yield* carol.next()).section("invite"))).toEqual([roomId])
        yield* stage.user("@carol:s1").leave(roomId)
        const left = (yield* carol.next()).section("leave")[roomId]!
        expect(left.timeline.events).toMatchObject([{ content: { membership: "leave" } }])
        expect(left.state.events).toEqual([])
        expect(own.since).toBeUndefined()
      }),
    ))

  it("an invite that was withdrawn before a restart is told to be gone after it", () =>
    withClients((played, _own, other) =>
      Effect.gen(function* () {
        const { stage } = played
        const roomId = yield* stage.user(alice).createRoom()
        yield* stage.user(alice).invite(roomId, bob)
        yield* stage.quiet
        yield* other.next()
        const { since } = other
        yield* stage.user(bob).leave(roomId)
        yield* stage.crash("s2")
        yield* stage.restart("s2")
        expect(Object.keys((yield* other.next()).section("leave"))).toEqual([roomId])
        yield* stage.user(alice).invite(roomId, bob)
        yield* stage.quiet
        other.since = since
        expect(Object.keys((yield* other.next()).json.rooms ?? {})).toEqual(["invite"])
      }),
    ))

  it("knocks are told to who knocks", () =>
    withClients((played, _own, other) =>
      Effect.gen(function* () {
        const { stage } = played
        const roomId = yield* stage.user(alice).createRoom({ joinRule: "knock" })
        yield* stage.user(bob).knock(roomId, "s1")
        const { events } = (yield* other.next()).section("knock")[roomId]!.knock_state
        expect(events.at(-1)).toMatchObject({ state_key: bob, content: { membership: "knock" } })
      }),
    ))

  it("who leaves is told what happened up to then, and nothing later", () =>
    inRoom((played, roomId, own, other) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user("@carol:s2").join(roomId, "s1")
        const visibility = { history_visibility: "world_readable" }
        yield* stage.user(alice).setState(roomId, "m.room.history_visibility", visibility)
        yield* stage.quiet
        yield* other.next()
        yield* stage.user(alice).say(roomId, "before")
        yield* stage.user(alice).kick(roomId, bob)
        yield* stage.quiet
        yield* stage.user(alice).say(roomId, "after")
        yield* stage.quiet
        const left = (yield* other.next()).section("leave")[roomId]!
        expect(left.timeline.events.map(({ content }) => content.body ?? content.membership)).toEqual([
          "before",
          "leave",
        ])
        expect((yield* other.next()).json.rooms).toBeUndefined()
        const fresh = new Syncing(other.client)
        expect((yield* fresh.next()).json.rooms).toBeUndefined()
        const all = new Syncing(other.client)
        const withLeft = yield* all.next(filterOf({ room: { include_leave: true } }))
        expect(Object.keys(withLeft.section("leave"))).toEqual([roomId])
        yield* other.client.post(`/rooms/${roomId}/forget`)
        all.since = undefined
        expect((yield* all.next(filterOf({ room: { include_leave: true } }))).json.rooms).toBeUndefined()
        yield* own.next()
      }),
    ))

  it("who comes back is told the room anew, and nothing of what it may not see", () =>
    withClients((played, _own, other) =>
      Effect.gen(function* () {
        const { stage } = played
        const roomId = yield* stage.user(alice).createRoom()
        yield* stage.user(alice).setState(roomId, "m.room.history_visibility", {
          history_visibility: "joined",
        })
        yield* stage.user("@carol:s2").join(roomId, "s1")
        yield* stage.user(bob).join(roomId, "s1")
        yield* stage.quiet
        yield* other.next()
        yield* stage.user(bob).leave(roomId)
        yield* stage.quiet
        yield* stage.user(alice).say(roomId, "not for Bob")
        yield* stage.quiet
        yield* stage.user(bob).join(roomId, "s1")
        yield* stage.quiet
        yield* stage.user(alice).say(roomId, "for Bob")
        yield* stage.quiet
        const room = (yield* other.next()).joined(roomId)
        expect(room.bodies).toEqual(["for Bob"])
        expect(room.json?.timeline.limited).toBe(true)
        expect([...room.state, ...room.timeline].map(({ type }) => type)).toContain("m.room.create")
      }),
    ))
})

describe("a room that the server has left and come back to", () => {
  it("is told from where it came back: before that there is a gap, which is filled on demand", () =>
    inRoom((played, roomId, _own, other) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user(alice).say(roomId, "before")
        yield* stage.quiet
        yield* stage.user(bob).leave(roomId)
        yield* stage.quiet
        yield* stage.user(alice).say(roomId, "missed")
        yield* stage.user(bob).join(roomId, "s1")
        yield* stage.quiet
        yield* stage.user(alice).say(roomId, "after")
        yield* stage.quiet
        const room = (yield* other.next(filterOf({ room: { timeline: { limit: 100 } } }))).joined(roomId)
        expect(room.bodies).toEqual(["after"])
        expect(room.json?.timeline.limited).toBe(true)
        const from = room.json?.timeline.prev_batch
        const page = yield* other.client.get(`/rooms/${roomId}/messages?dir=b&limit=100&from=${from}`)
        const chunk = page.body.chunk as unknown as readonly ToldEvent[]
        expect(chunk.flatMap(({ content }) => content.body ?? [])).toEqual(["missed", "before"])
      }),
    ))
})

describe("a room in partial state", () => {
  it("is told as far as it is known, and whole once it is whole", async () => {
    let nina: Syncing | undefined
    const membersIn = ({ state, timeline }: SyncedRoom) =>
      [...state, ...timeline].flatMap(({ type, state_key: key }) => (type === "m.room.member" ? [key] : []))
    await joined(
      "12",
      (played) =>
        Effect.map(registerClient(played, "s3", "nina"), (client) => {
          nina = new Syncing(client)
        }),
      (_played, roomId) =>
        Effect.map(nina!.next(), (synced) => {
          expect(membersIn(synced.joined(roomId))).not.toContain("@bob:s2")
          expect(membersIn(synced.joined(roomId))).toContain("@nina:s3")
        }),
      (_played, roomId) =>
        Effect.gen(function* () {
          expect(membersIn((yield* nina!.next()).joined(roomId))).toContain("@bob:s2")
          expect((yield* nina!.next()).json.rooms).toBeUndefined()
        }),
      () => ({ enableRegistration: true }),
    )
  })
})

describe("a filter", () => {
  it("is kept for its user, and read back", () =>
    withClients((played, { client }, { client: other }) =>
      Effect.gen(function* () {
        const filter = { room: { timeline: { limit: 1, types: ["m.room.message"] } } }
        const { body } = yield* client.post(`/user/${alice}/filter`, filter)
        expect(String(body.filter_id).startsWith("{")).toBe(false)
        expect((yield* client.get(`/user/${alice}/filter/${body.filter_id}`)).body).toEqual(filter)
        yield* played.stage.crash("s1")
        yield* played.stage.restart("s1")
        expect((yield* client.get(`/user/${alice}/filter/${body.filter_id}`)).body).toEqual(filter)
        expect((yield* client.get(`/user/${alice}/filter/other`)).status).toBe(404)
        expect((yield* client.get(`/user/${bob}/filter/${body.filter_id}`)).status).toBe(403)
        expect(
          (yield* other.post(`/user/${bob}/filter`, { room: { timeline: { limit: "x" } } })).body.errcode,
        ).toBe("M_BAD_JSON")
      }),
    ))

  it("leaves out rooms, types, senders and sections", () =>
    inRoom((played, roomId, own) =>
      Effect.gen(function* () {
        const { stage } = played
        const other = yield* stage.user(alice).createRoom()
        yield* own.next()
        yield* stage.user(alice).say(roomId, "of Alice")
        yield* stage.user(bob).say(roomId, "of Bob")
        yield* stage.user(alice).setState(roomId, "m.room.topic", { topic: "t" })
        yield* stage.user(alice).say(other, "elsewhere")
        yield* stage.quiet
        const { since } = own
        const asked = (filter: unknown) =>
          Effect.suspend(() => {
            own.since = since
            return own.next(filterOf(filter))
          })
        const rooms = (yield* asked({ room: { rooms: [roomId] } })).section("join")
        expect(Object.keys(rooms)).toEqual([roomId])
        expect(Object.keys((yield* asked({ room: { not_rooms: [roomId] } })).section("join"))).toEqual([
          other,
        ])
        const messages = (yield* asked({ room: { timeline: { types: ["m.room.mess*"] } } })).joined(roomId)
        expect(messages.bodies).toEqual(["of Alice", "of Bob"])
        expect(messages.timeline).toHaveLength(2)
        const others = yield* asked({ room: { timeline: { not_senders: [alice] } } })
        expect(others.joined(roomId).bodies).toEqual(["of Bob"])
        expect(others.joined(roomId).timeline).toHaveLength(1)
        const raw = (yield* asked({ event_format: "federation" })).joined(roomId)
        expect(raw.timeline[0]).toHaveProperty("prev_events")
      }),
    ))

  it("with lazy loading tells the memberships of those who are seen", () =>
    inRoom((played, roomId, own) =>
      Effect.gen(function* () {
        const { stage } = played
        for (const name of ["carol", "dave"]) yield* stage.user(`@${name}:s2`).join(roomId, "s1")
        yield* stage.user("@carol:s2").say(roomId, "seen")
        yield* stage.quiet
        const filter = filterOf({ room: { timeline: { limit: 1 }, state: { lazy_load_members: true } } })
        const members = ({ state }: SyncedRoom) =>
          state.filter(({ type }) => type === "m.room.member").map(({ state_key: key }) => key)
        expect(members((yield* own.next(filter)).joined(roomId)).sort()).toEqual([alice, "@carol:s2"])
        yield* stage.user("@dave:s2").say(roomId, "I too")
        yield* stage.quiet
        expect(members((yield* own.next(filter)).joined(roomId))).toEqual(["@dave:s2"])
      }),
    ))
})
