/** Spaces: one level as another server may see it, and the walk of a user through all of them. */
import { Context, Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { compareChildren, readChild } from "#spec-impl/federation/spaces/space-children.ts"
import { Spaces } from "#spec-impl/federation/spaces/spaces.ts"
import { type Played, play, refusal } from "./testing/play.ts"

const alice = "@alice:s1"
const bob = "@bob:s2"

const spacesOn = ({ servers }: Played, server: string) => Context.get(servers.get(server)!.services, Spaces)
const levelFrom = ({ servers }: Played, from: string, to: string, roomId: string, suggestedOnly = false) =>
  servers
    .get(from)!
    .client.call(to, (api) =>
      api.spaces.hierarchy({ params: { roomId }, query: { suggested_only: suggestedOnly } }),
    )
const put = (played: Played, user: string, space: string, child: string, content: JsonObject = {}) =>
  played.stage.user(user).setState(space, "m.space.child", { via: [user.split(":")[1]!], ...content }, child)
const createSpace = (played: Played, user: string, more = {}) =>
  played.stage.user(user).createRoom({ creationContent: { type: "m.space" }, ...more })

describe("one level", () => {
  it("holds the room and its children, as far as they may be seen", () =>
    play({ servers: 2 }, (played) =>
      Effect.gen(function* () {
        const { stage } = played
        const space = yield* createSpace(played, alice)
        const open = yield* stage.user(alice).createRoom()
        const secret = yield* stage.user(alice).createRoom({ joinRule: "invite" })
        const shown = yield* stage.user(alice).createRoom({
          joinRule: "invite",
          initialState: [
            {
              type: "m.room.history_visibility",
              stateKey: "",
              content: { history_visibility: "world_readable" },
            },
            { type: "m.room.encryption", stateKey: "", content: { algorithm: "m.megolm.v1.aes-sha2" } },
          ],
        })
        for (const child of [open, secret, shown, "!unknown:s9"]) yield* put(played, alice, space, child)
        const level = yield* levelFrom(played, "s2", "s1", space)
        expect(level.room).toMatchObject({ room_id: space, room_type: "m.space", room_version: "12" })
        expect(level.children.map(({ room_id }) => room_id)).toEqual([open, shown])
        expect(level.children[1]).toMatchObject({ encryption: "m.megolm.v1.aes-sha2", world_readable: true })
        expect(level.inaccessible_children).toEqual([secret])
        yield* stage.user(alice).invite(secret, bob)
        expect((yield* levelFrom(played, "s2", "s1", space)).children).toHaveLength(3)
      }),
    ))

  it("of a restricted room is for servers with a user in a room that is allowed", () =>
    play({ servers: 3, roomVersion: "10" }, (played) =>
      Effect.gen(function* () {
        const { stage } = played
        const lounge = yield* stage.user(alice).createRoom()
        yield* stage.user(bob).join(lounge, "s1")
        const club = yield* stage.user(alice).createRoom({ joinRule: "invite" })
        const allow = [{ type: "m.room_membership", room_id: lounge }]
        yield* stage.user(alice).setState(club, "m.room.join_rules", { join_rule: "restricted", allow })
        expect((yield* levelFrom(played, "s2", "s1", club)).room).toMatchObject({
          allowed_room_ids: [lounge],
        })
        expect(yield* refusal(levelFrom(played, "s3", "s1", club))).toContain("404 M_NOT_FOUND")
        expect(yield* refusal(levelFrom(played, "s3", "s1", "!nowhere"))).toContain("404 M_NOT_FOUND")
      }),
    ))

  it("holds what is suggested alone where that is asked, and nothing that names no server any more", () =>
    play({ servers: 2 }, (played) =>
      Effect.gen(function* () {
        const space = yield* createSpace(played, alice)
        const rooms = [
          yield* played.stage.user(alice).createRoom(),
          yield* played.stage.user(alice).createRoom(),
        ]
        yield* put(played, alice, space, rooms[0]!, { suggested: true })
        yield* put(played, alice, space, rooms[1]!)
        const ids = (suggestedOnly: boolean) =>
          Effect.map(levelFrom(played, "s2", "s1", space, suggestedOnly), ({ children }) =>
            children.map(({ room_id }) => room_id),
          )
        expect(yield* ids(true)).toEqual([rooms[0]])
        expect(yield* ids(false)).toHaveLength(2)
        yield* put(played, alice, space, rooms[0]!, { via: [] })
        expect(yield* ids(false)).toEqual([rooms[1]])
      }),
    ))
})

describe("a walk", () => {
  it("goes through spaces of several servers, depth first, each room once, also in a circle", () =>
    play({ servers: 2 }, (played) =>
      Effect.gen(function* () {
        const { stage } = played
        const top = yield* createSpace(played, alice)
        const below = yield* createSpace(played, bob)
        const leaf = yield* stage.user(bob).createRoom()
        const last = yield* stage.user(alice).createRoom()
        yield* put(played, alice, top, below, { via: ["s2"], order: "a" })
        yield* put(played, alice, top, last, { order: "b" })
        yield* put(played, bob, below, leaf)
        yield* put(played, bob, below, top, { via: ["s1"] })
        const walk = (server: string, user: string, via: readonly string[] = []) =>
          Effect.map(spacesOn(played, server).walk(user, top, { via }), (found) =>
            found.map(({ room_id }) => room_id),
          )
        expect(yield* walk("s1", alice)).toEqual([top, below, leaf, last])
        expect(yield* walk("s2", bob, ["s1"])).toEqual([top, below, leaf, last])
        const before = played.network.requests()
        yield* walk("s2", bob, ["s1"])
        expect(played.network.requests()).toBe(before)
      }),
    ))

  it("shows what is known of a room whose server does not answer, and 404 for a space that nobody tells of", () =>
    play({ servers: 3 }, (played) =>
      Effect.gen(function* () {
        const { stage } = played
        const top = yield* createSpace(played, alice)
        const room = yield* stage.user(bob).createRoom()
        yield* stage.user(alice).join(room, "s2")
        yield* put(played, alice, top, room, { via: ["s2"] })
        yield* stage.partition(["s1", "s3"], ["s2"])
        const found = yield* spacesOn(played, "s3").walk("@carol:s3", top, { via: ["s1"] })
        expect(found.map(({ room_id }) => room_id)).toEqual([top, room])
        expect(
          yield* refusal(spacesOn(played, "s3").walk("@carol:s3", "!nowhere", { via: ["s1"] })),
        ).toContain("404")
        const secret = yield* createSpace(played, alice, { joinRule: "invite" })
        expect(yield* refusal(spacesOn(played, "s1").walk("@eve:s1", secret))).toContain("404")
      }),
    ))
})

describe("the order of children", () => {
  const child = (roomId: string, content: JsonObject, originServerTs = 1) =>
    readChild({ stateKey: roomId, content: { via: ["s1"], ...content }, originServerTs })!

  it("is by order, then by time, then by id; an order that is none counts for nothing", () => {
    const children = [
      child("!d", {}, 1),
      child("!c", { order: "é" }, 2),
      child("!b", { order: "~" }, 9),
      child("!a", { order: " " }, 9),
      child("!e", {}, 1),
      child("!f", { order: "x".repeat(51) }, 0),
    ]
    expect(children.sort(compareChildren).map(({ roomId }) => roomId)).toEqual([
      "!a",
      "!b",
      "!f",
      "!d",
      "!e",
      "!c",
    ])
  })

  it("without a server to go by a room is no child", () => {
    expect(readChild({ stateKey: "!a", content: {}, originServerTs: 1 })).toBeUndefined()
    expect(readChild({ stateKey: "!a", content: { via: [7] }, originServerTs: 1 })).toBeUndefined()
  })
})
