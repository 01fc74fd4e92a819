/** Client-server API §Getting events for a room, §Room history visibility: what clients are shown of a room's past. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { JsonObject, JsonValue } from "#spec-impl/core/json/value.ts"
import { type Client, type ClientAnswer, registerClient } from "./testing/client.ts"
import { type Played, type PlayOptions, play } from "./testing/play.ts"

const errorOf = ({ status, body }: ClientAnswer) => `${status} ${String(body.errcode)}`
const path = encodeURIComponent
const list = (value: JsonValue | undefined) => value as readonly JsonObject[]
/** What messages say, and the types of other events. */
const told = (value: JsonValue | undefined) =>
  list(value).map(({ type, content }) => (content as JsonObject).body ?? type)

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

const publicRoom = Effect.fnUntraced(function* (client: Client, visibility?: string, version?: string) {
  const { body } = yield* client.post("/createRoom", {
    preset: "public_chat",
    ...(version === undefined ? {} : { room_version: version }),
    initial_state:
      visibility === undefined
        ? []
        : [{ type: "m.room.history_visibility", content: { history_visibility: visibility } }],
  })
  return `/rooms/${path(String(body.room_id))}`
})

/** By transactions that are named as the texts. */
const say = (client: Client, room: string, ...texts: readonly string[]) =>
  Effect.forEach(texts, (body) =>
    Effect.map(client.put(`${room}/send/m.room.message/${body}`, { msgtype: "m.text", body }), (answer) =>
      String(answer.body.event_id),
    ),
  )

const idOf = (room: string) => decodeURIComponent(room.slice("/rooms/".length))
const joinBy = (client: Client, room: string) => client.post(`/join/${path(idOf(room))}?via=s1`)

describe("messages", () => {
  it.each(["1", "12"])(
    "come in pages, in both directions, whose tokens outlive a restart, in version %s",
    (version) =>
      withUsers(({ alice, stage }) =>
        Effect.gen(function* () {
          const room = yield* publicRoom(alice, undefined, version)
          yield* say(alice, room, "1", "2", "3", "4", "5")
          const page = (query: string) =>
            Effect.map(alice.get(`${room}/messages?${query}`), ({ body }) => body)
          const last = yield* page("dir=b&limit=2")
          expect(told(last.chunk)).toEqual(["5", "4"])
          yield* stage.restart("s1")
          yield* say(alice, room, "6")
          const before = yield* page(`dir=b&limit=2&from=${last.end}`)
          expect(before.start).toBe(last.end)
          expect(told(before.chunk)).toEqual(["3", "2"])
          const ahead = yield* page(`dir=f&limit=3&from=${before.end}`)
          expect(told(ahead.chunk)).toEqual(["2", "3", "4"])
          expect(told((yield* page(`dir=f&limit=9&from=${ahead.end}`)).chunk)).toEqual(["5", "6"])
          expect(told((yield* page(`dir=f&from=${before.end}&to=${ahead.end}&limit=9`)).chunk)).toEqual([
            "2",
            "3",
            "4",
          ])
          expect(told((yield* page(`dir=b&from=${ahead.end}&to=${before.end}&limit=9`)).chunk)).toEqual([
            "4",
            "3",
            "2",
          ])
          expect(told((yield* page(`dir=b&from=${last.start}&limit=1`)).chunk)).toEqual(["5"])

          const first = yield* page("dir=f&limit=1")
          expect(told(first.chunk)).toEqual(["m.room.create"])
          const rest = yield* page(`dir=b&from=${before.end}&limit=100`)
          expect(told(rest.chunk).slice(0, 2)).toEqual(["1", "m.room.guest_access"])
          expect(told(rest.chunk).at(-1)).toBe("m.room.create")
          expect(rest.end).toBeUndefined()
          expect((yield* page(`dir=f&from=${ahead.end}&limit=9`)).end).toBeUndefined()
        }),
      ),
  )

  it("are those that the filter lets through", () =>
    withUsers(({ alice, carol }) =>
      Effect.gen(function* () {
        const room = yield* publicRoom(alice)
        yield* joinBy(carol, room)
        yield* say(alice, room, "1", "2")
        yield* say(carol, room, "3")
        const filtered = (filter: JsonObject) =>
          Effect.map(
            alice.get(`${room}/messages?dir=b&limit=5&filter=${path(JSON.stringify(filter))}`),
            ({ body }) => body,
          )
        expect(told((yield* filtered({ types: ["m.room.mess*"], limit: 2 })).chunk)).toEqual(["3", "2"])
        expect(told((yield* filtered({ not_types: ["m.room.*"] })).chunk)).toEqual([])
        const lazy = yield* filtered({
          types: ["m.room.message"],
          senders: [carol.userId],
          lazy_load_members: true,
        })
        expect(told(lazy.chunk)).toEqual(["3"])
        expect(list(lazy.state).map((event) => event.state_key)).toEqual([carol.userId])
      }),
    ))

  it("are asked for with what the specification knows, or refused", () =>
    withUsers(({ alice }) =>
      Effect.gen(function* () {
        const room = yield* publicRoom(alice)
        for (const [query, error] of [
          ["", "400 M_MISSING_PARAM"],
          ["?dir=x", "400 M_INVALID_PARAM"],
          ["?dir=b&limit=many", "400 M_INVALID_PARAM"],
          ["?dir=b&limit=-1", "400 M_INVALID_PARAM"],
          ["?dir=b&from=nowhere", "400 M_INVALID_PARAM"],
          ["?dir=b&filter=[]", "400 M_INVALID_PARAM"],
        ]) {
          expect(errorOf(yield* alice.get(`${room}/messages${query}`))).toBe(error)
        }
      }),
    ))

  it("before a join are fetched from other servers, when a page comes to them", () =>
    withUsers(({ alice, bob, requests, stage }) =>
      Effect.gen(function* () {
        const room = yield* publicRoom(alice)
        yield* say(alice, room, ...Array.from({ length: 30 }, (_, nth) => String(nth)))
        yield* joinBy(bob, room)
        yield* stage.quiet
        const fetched = () => requests.filter(({ target }) => target.includes("/backfill/")).length
        const already = fetched()
        const page = yield* bob.get(`${room}/messages?dir=b&limit=10`)
        expect(told(page.body.chunk)).toEqual([
          "m.room.member",
          "29",
          "28",
          "27",
          "26",
          "25",
          "24",
          "23",
          "22",
          "21",
        ])
        expect(fetched()).toBeGreaterThan(already)
        const asked = fetched()
        yield* stage.restart("s2")
        const next = yield* bob.get(`${room}/messages?dir=b&limit=100&from=${page.body.end}`)
        expect(told(next.body.chunk).slice(0, 2)).toEqual(["20", "19"])
        expect(told(next.body.chunk).at(-1)).toBe("m.room.create")
        expect(next.body.end).toBeUndefined()
        expect(fetched()).toBe(asked)
      }),
    ))

  it("are what is held, where no other server answers", () =>
    withUsers(({ alice, bob, stage }) =>
      Effect.gen(function* () {
        const room = yield* publicRoom(alice)
        yield* say(alice, room, "1")
        yield* joinBy(bob, room)
        yield* stage.quiet
        yield* stage.partition(["s1"], ["s2"])
        const page = yield* bob.get(`${room}/messages?dir=b&limit=10`)
        expect(told(page.body.chunk)[0]).toBe("m.room.member")
        yield* stage.heal
        const whole = yield* bob.get(`${room}/messages?dir=b&limit=10`)
        expect(told(whole.body.chunk).slice(0, 2)).toEqual(["m.room.member", "1"])
      }),
    ))
})

describe("positions", () => {
  it("are the same after a restart, go on from there, and are negative for what was fetched of the past", () =>
    withUsers(({ alice, bob, servers, stage }) =>
      Effect.gen(function* () {
        const room = yield* publicRoom(alice)
        yield* say(alice, room, "1", "2")
        yield* joinBy(bob, room)
        yield* bob.get(`${room}/messages?dir=b`)
        yield* say(bob, room, "3")
        const places = (server: string) => {
          const { timeline } = servers.get(server)!.rooms.find(idOf(room))!
          return [...timeline].map(({ position, record }) => [record.event.eventId, position] as const)
        }
        for (const server of ["s1", "s2"]) {
          const before = places(server)
          const { settled } = servers.get(server)!.rooms.positions
          yield* stage.restart(server)
          expect(places(server)).toEqual(before)
          expect(servers.get(server)!.rooms.positions.settled).toBe(settled)
        }
        const ofS2 = places("s2").map(([, position]) => position)
        expect(ofS2.slice(0, -2).every((position) => position < 0)).toBe(true)
        expect(ofS2.slice(-2).every((position) => position > 0)).toBe(true)
        expect(places("s1").every(([, position]) => position > 0)).toBe(true)
        const { positions, find } = servers.get("s1")!.rooms
        let moves = 0
        const stop = positions.watch(() => {
          moves += 1
        })
        const since = positions.settled
        const [eventId] = yield* say(alice, room, "4")
        const news = find(idOf(room))!.timeline.after(since, positions.settled)
        expect(news.map(({ record }) => record.event.eventId)).toEqual([eventId])
        expect(moves).toBe(1)
        stop()
        yield* say(alice, room, "5")
        expect(moves).toBe(1)
      }),
    ))
})

describe("members", () => {
  it("are those of now, or of a point before, of the memberships that are asked for", () =>
    withUsers(({ alice, bob, carol, stage }) =>
      Effect.gen(function* () {
        const room = yield* publicRoom(alice)
        yield* joinBy(carol, room)
        yield* say(alice, room, "between")
        const { body: page } = yield* alice.get(`${room}/messages?dir=b&limit=1`)
        yield* joinBy(bob, room)
        yield* stage.quiet
        yield* carol.post(`${room}/leave`)
        const members = (client: Client, query = "") =>
          Effect.map(client.get(`${room}/members${query}`), ({ body }) =>
            list(body.chunk).map((event) => `${event.state_key} ${(event.content as JsonObject).membership}`),
          )
        const everybody = ["@alice:s1 join", "@bob:s2 join", "@carol:s1 leave"]
        expect(yield* members(alice)).toEqual(everybody)
        expect(yield* members(alice, "?membership=leave")).toEqual(["@carol:s1 leave"])
        expect(yield* members(alice, "?not_membership=leave")).toEqual(everybody.slice(0, 2))
        expect(yield* members(alice, "?membership=leave&not_membership=leave")).toEqual(everybody)
        expect(yield* members(alice, `?at=${page.end}`)).toEqual(["@alice:s1 join", "@carol:s1 join"])
        yield* alice.post(`${room}/kick`, { user_id: bob.userId })
        expect(yield* members(carol)).toEqual(everybody)
        expect(yield* members(carol, `?at=${page.end}`)).toEqual(["@alice:s1 join", "@carol:s1 join"])
        expect(errorOf(yield* alice.get(`${room}/members?at=nowhere`))).toBe("400 M_INVALID_PARAM")
        expect(errorOf(yield* alice.get(`${room}/members?membership=no`))).toBe("400 M_INVALID_PARAM")
      }),
    ))
})

describe("context", () => {
  it("is what came before and after an event, with tokens to go on", () =>
    withUsers(({ alice, bob }) =>
      Effect.gen(function* () {
        const room = yield* publicRoom(alice)
        const [, , third] = yield* say(alice, room, "1", "2", "3", "4", "5")
        const { body } = yield* alice.get(`${room}/context/${path(third!)}?limit=2`)
        expect(told(body.events_before)).toEqual(["2"])
        expect((body.event as JsonObject).event_id).toBe(third)
        expect(told(body.events_after)).toEqual(["4"])
        expect(list(body.state).map(({ type }) => type)).toContain("m.room.create")
        const before = yield* alice.get(`${room}/messages?dir=b&limit=1&from=${body.start}`)
        expect(told(before.body.chunk)).toEqual(["1"])
        const after = yield* alice.get(`${room}/messages?dir=f&limit=1&from=${body.end}`)
        expect(told(after.body.chunk)).toEqual(["5"])
        expect(errorOf(yield* alice.get(`${room}/context/$nothing`))).toBe("404 M_NOT_FOUND")
        expect(errorOf(yield* bob.get(`${room}/context/${path(third!)}`))).toBe("403 M_FORBIDDEN")
      }),
    ))
})

describe("history visibility", () => {
  /** What carol is shown who comes late, and what once she has left again. */
  it.each([
    ["world_readable", ["before", "invited", "joined"], ["before", "invited", "joined", "left"]],
    ["shared", ["before", "invited", "joined"], ["before", "invited", "joined"]],
    ["invited", ["invited", "joined"], ["invited", "joined"]],
    ["joined", ["joined"], ["joined"]],
  ])("%s decides what who comes late is shown", (visibility, inside, outside) =>
    withUsers(({ alice, bob, carol, stage }) =>
      Effect.gen(function* () {
        const room = yield* publicRoom(alice, visibility)
        yield* joinBy(bob, room)
        const [before] = yield* say(alice, room, "before")
        yield* alice.post(`${room}/invite`, { user_id: carol.userId })
        yield* say(alice, room, "invited")
        const event = `${room}/event/${path(before!)}`
        const isPublic = visibility === "world_readable"
        expect((yield* carol.get(event)).status).toBe(isPublic ? 200 : 404)
        expect((yield* carol.get(`${room}/messages?dir=b`)).status).toBe(isPublic ? 200 : 403)
        yield* carol.post(`${room}/join`)
        yield* say(alice, room, "joined")
        const filter = path(JSON.stringify({ types: ["m.room.message"] }))
        const seen = Effect.map(carol.get(`${room}/messages?dir=f&limit=50&filter=${filter}`), ({ body }) =>
          told(body.chunk),
        )
        expect(yield* seen).toEqual(inside)
        expect((yield* carol.get(event)).status).toBe(inside.includes("before") ? 200 : 404)
        yield* carol.post(`${room}/leave`)
        yield* say(alice, room, "left")
        yield* stage.quiet
        expect(yield* seen).toEqual(outside)
        expect((yield* carol.get(event)).status).toBe(inside.includes("before") ? 200 : 404)
      }),
    ),
  )

  it("hides from the content of a new event what it replaced, if the user may not see that", () =>
    withUsers(({ alice, carol }) =>
      Effect.gen(function* () {
        const room = yield* publicRoom(alice, "joined")
        const first = yield* alice.put(`${room}/state/m.room.topic`, { topic: "secret" })
        yield* joinBy(carol, room)
        yield* alice.put(`${room}/state/m.room.topic`, { topic: "open" })
        const shown = (client: Client) =>
          Effect.map(client.get(`${room}/state/m.room.topic?format=event`), ({ body }) => body.unsigned)
        expect(yield* shown(alice)).toMatchObject({ prev_content: { topic: "secret" } })
        expect(yield* shown(carol)).toMatchObject({ replaces_state: first.body.event_id })
        expect(yield* shown(carol)).not.toHaveProperty("prev_content")
      }),
    ))
})
