/** A room goes on as another, of another version: what is taken along, what is closed, and how members follow. */
import { Context, Effect } from "effect"
import { describe, expect, it } from "vitest"
import { domainOf } from "#spec-impl/core/identifiers.ts"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { roomVersions, roomVersion as versionOf } from "#spec-impl/core/room-version.ts"
import { Aliases } from "#spec-impl/federation/queries/aliases.ts"
import { type Played, play, refusal } from "./testing/play.ts"

const alice = "@alice:s1"
const bob = "@bob:s2"

const settings: Readonly<Record<string, JsonObject>> = {
  "m.room.name": { name: "the room" },
  "m.room.topic": { topic: "its topic" },
  "m.room.avatar": { url: "mxc://s1/picture" },
  "m.room.encryption": { algorithm: "m.megolm.v1.aes-sha2" },
  "m.room.guest_access": { guest_access: "forbidden" },
  "m.room.history_visibility": { history_visibility: "invited" },
  "m.room.server_acl": { allow: ["*"], deny: ["s9"] },
  "m.room.join_rules": { join_rule: "public" },
}

const isPrivileged = (version: string): boolean => versionOf(version)!.auth.privilegedCreators

/** Alice's room with all that can be set, Bob of s2 with a say, and Mallory banned. */
const oldRoom = Effect.fnUntraced(function* ({ stage }: Played, roomVersion: string) {
  const users = { ...(isPrivileged(roomVersion) ? {} : { [alice]: 100 }), [bob]: 50 }
  const roomId = yield* stage.user(alice).createRoom({
    roomVersion,
    creationContent: { type: "m.space", "m.federate": true, "org.example.other": 1 },
    powerLevels: { users, invite: 25, events: { "m.room.name": 50 } },
    initialState: Object.entries(settings).map(([type, content]) => ({ type, stateKey: "", content })),
  })
  yield* stage.user(bob).join(roomId, "s1")
  yield* stage.user(alice).setState(roomId, "org.example.custom", { kept: false })
  yield* stage.user(alice).ban(roomId, "@mallory:s2")
  yield* stage.quiet
  return roomId
})

const contentOn = ({ stage }: Played, server: string, roomId: string, type: string, key = "") =>
  stage.stateOf(server, roomId, type, key)?.content

describe("an upgrade", () => {
  for (const [from, to] of [
    ["1", "2"],
    ["2", "6"],
    ["6", "9"],
    ["9", "10"],
    ["10", "11"],
    ["11", "12"],
    ["12", "12"],
    ["1", "12"],
    ["12", "11"],
  ] as const) {
    it(`from ${from} to ${to}: takes the room's settings along, and its members follow`, async () => {
      await play({ servers: 2 }, (played) =>
        Effect.gen(function* () {
          const { stage } = played
          const old = yield* oldRoom(played, from)
          const last = played.servers.get("s1")!.rooms.find(old)!.dag.forwardExtremities()[0]
          const made = yield* stage.user(alice).upgradeRoom(old, to)
          yield* stage.quiet

          const tombstone = stage.stateOf("s2", old, "m.room.tombstone")!
          expect(tombstone.content).toMatchObject({ replacement_room: made, body: expect.any(String) })
          yield* stage.user(bob).join(made, domainOf(tombstone.sender))
          yield* stage.quiet
          for (const server of ["s1", "s2"]) {
            const create = contentOn(played, server, made, "m.room.create")!
            expect(create).toMatchObject({
              room_version: to,
              type: "m.space",
              "m.federate": true,
              predecessor: { room_id: old, event_id: last },
            })
            expect(create).not.toHaveProperty("org.example.other")
            for (const [type, content] of Object.entries(settings)) {
              expect([type, contentOn(played, server, made, type)]).toEqual([type, content])
            }
            expect(contentOn(played, server, made, "org.example.custom")).toBeUndefined()
            const levels = contentOn(played, server, made, "m.room.power_levels")!
            expect(levels).toMatchObject({ invite: 25, events: { "m.room.name": 50 } })
            expect(levels.users).toEqual({ ...(isPrivileged(to) ? {} : { [alice]: 100 }), [bob]: 50 })
            expect((levels.events as JsonObject)["m.room.tombstone"]).toBe(isPrivileged(to) ? 150 : undefined)
          }
          expect(yield* refusal(stage.user("@mallory:s2").join(made, "s1"))).toContain("403 M_FORBIDDEN")
          yield* stage.user(alice).setState(made, "m.room.name", { name: "still hers" })
          yield* stage.user(bob).setState(made, "m.room.name", { name: "and his" })
        }),
      )
    })

    it(`from ${from} to ${to}: leaves the old room to those with power alone`, async () => {
      await play({ servers: 2 }, (played) =>
        Effect.gen(function* () {
          const { stage } = played
          const old = yield* oldRoom(played, from)
          yield* stage.user("@ben:s2").join(old)
          yield* stage.user(alice).upgradeRoom(old, to)
          yield* stage.quiet
          const levels = contentOn(played, "s2", old, "m.room.power_levels")
          expect(levels).toMatchObject({ events_default: 50, invite: 50, events: { "m.room.name": 50 } })
          expect(yield* refusal(stage.user("@ben:s2").say(old, "hello?"))).toContain("403 M_FORBIDDEN")
          expect(yield* refusal(stage.user("@ben:s2").invite(old, "@zoe:s2"))).toContain("403 M_FORBIDDEN")
        }),
      )
    })
  }

  it("is for who may send a tombstone, to a version that the server makes; else nothing is begun", async () => {
    const settingsOf = () => ({ roomVersions: roomVersions.slice(0, 11) })
    await play({ servers: 2, settingsOf }, (played) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        const old = yield* oldRoom(played, "10")
        yield* stage.user("@ben:s2").join(old)
        const refused = yield* refusal(stage.user("@ben:s2").upgradeRoom(old, "11"))
        expect(refused).toContain("403 M_FORBIDDEN")
        expect(yield* refusal(stage.user(alice).upgradeRoom(old, "12"))).toContain(
          "400 M_UNSUPPORTED_ROOM_VERSION",
        )
        for (const server of ["s1", "s2"]) expect(servers.get(server)!.rooms.all().length).toBe(1)
      }),
    )
  })

  it("by who may send a tombstone, and not change levels, leaves those of the old room", async () => {
    await play({ servers: 2 }, (played) =>
      Effect.gen(function* () {
        const { stage } = played
        const powerLevels = {
          users: { [alice]: 100, [bob]: 50 },
          events: { "m.room.tombstone": 50, "m.room.power_levels": 100 },
        }
        const old = yield* stage.user(alice).createRoom({ roomVersion: "10", powerLevels })
        yield* stage.user(bob).join(old, "s1")
        yield* stage.quiet
        const made = yield* stage.user(bob).upgradeRoom(old, "11")
        yield* stage.quiet
        expect(contentOn(played, "s1", old, "m.room.tombstone")?.replacement_room).toBe(made)
        expect(contentOn(played, "s1", old, "m.room.power_levels")).toEqual(powerLevels)
        expect(contentOn(played, "s2", made, "m.room.power_levels")).toEqual(powerLevels)
        yield* stage.user(alice).join(made, "s2")
        yield* stage.user(alice).setState(made, "m.room.power_levels", { users: { [alice]: 100 } })
      }),
    )
  })

  it("moves the server's aliases, and with them the canonical one", async () => {
    await play({ servers: 2 }, (played) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        const old = yield* oldRoom(played, "11")
        const aliases = Context.get(servers.get("s1")!.services, Aliases)
        const others = Context.get(servers.get("s2")!.services, Aliases)
        yield* aliases.create(alice, "#one:s1", old)
        yield* aliases.create(alice, "#two:s1", old)
        yield* others.create(bob, "#theirs:s2", old)
        yield* stage.user(alice).setState(old, "m.room.canonical_alias", { alias: "#one:s1" })
        const made = yield* stage.user(alice).upgradeRoom(old, "12")
        yield* stage.quiet
        for (const alias of ["#one:s1", "#two:s1"]) {
          expect((yield* others.resolve(alias)).room_id).toBe(made)
        }
        expect((yield* others.resolve("#theirs:s2")).room_id).toBe(old)
        expect(contentOn(played, "s1", made, "m.room.canonical_alias")).toEqual({ alias: "#one:s1" })
        expect(contentOn(played, "s2", old, "m.room.canonical_alias")).toEqual({})
      }),
    )
  })

  it("to room 12 names as creators those whom it is told to, and no creator in its levels", async () => {
    await play({ servers: 2 }, (played) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        const old = yield* oldRoom(played, "11")
        const { users } = servers.get("s1")!
        const made = yield* users.upgradeRoom(alice, old, "12", { additionalCreators: [bob] })
        expect(contentOn(played, "s1", made, "m.room.create")?.additional_creators).toEqual([bob])
        expect(contentOn(played, "s1", made, "m.room.power_levels")?.users).toEqual({})
        const next = yield* users.upgradeRoom(alice, made, "12")
        expect(contentOn(played, "s1", next, "m.room.create")).not.toHaveProperty("additional_creators")
        yield* stage.user(bob).join(next, "s1")
        expect(yield* refusal(stage.user(bob).setState(next, "m.room.name", { name: "his" }))).toContain(
          "403",
        )
      }),
    )
  })

  it("reads levels that older rooms took as text", async () => {
    await play({ servers: 1 }, (played) =>
      Effect.gen(function* () {
        const { stage } = played
        const powerLevels = { users: { [alice]: "100" }, ban: " 60 ", events: { "m.room.name": "70" } }
        const old = yield* stage.user(alice).createRoom({ roomVersion: "5", powerLevels })
        const made = yield* stage.user(alice).upgradeRoom(old, "11")
        expect(contentOn(played, "s1", made, "m.room.power_levels")).toEqual({
          users: { [alice]: 100 },
          ban: 60,
          events: { "m.room.name": 70 },
        })
      }),
    )
  })

  it("keeps a restricted room's conditions: members of the lounge come into the new room", async () => {
    await play({ servers: 2, roomVersion: "10" }, (played) =>
      Effect.gen(function* () {
        const { stage } = played
        const lounge = yield* stage.user(alice).createRoom()
        const club = yield* stage.user(alice).createRoom()
        const allow = [{ type: "m.room_membership", room_id: lounge }]
        yield* stage.user(alice).setState(club, "m.room.join_rules", { join_rule: "restricted", allow })
        yield* stage.user(bob).join(lounge, "s1")
        yield* stage.quiet
        const made = yield* stage.user(alice).upgradeRoom(club, "12")
        const joined = yield* stage.user(bob).join(made, "s1")
        expect(joined.content).toMatchObject({ join_authorised_via_users_server: alice })
      }),
    )
  })
})
