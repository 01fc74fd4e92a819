/** Profiles, aliases, published rooms, spaces and OpenID: what servers tell of their users and rooms, and to whom. */
import { Context, Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { PublishedRooms } from "#spec-impl/federation/directory/published-rooms.ts"
import { OpenIdTokens } from "#spec-impl/federation/openid/tokens.ts"
import { Aliases } from "#spec-impl/federation/queries/aliases.ts"
import { Profiles } from "#spec-impl/federation/queries/profiles.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import { synchronously } from "#spec-impl/homeserver/signatures/noble.ts"
import { MemoryDisk } from "#spec-impl/store/memory.ts"
import { reply } from "../network/rules.ts"
import { type Played, play, refusal } from "./testing/play.ts"
import { sendRaw } from "./testing/raw-request.ts"
import { bootServer } from "./world.ts"

const alice = "@alice:s1"
const bob = "@bob:s2"

const inRoom = <A, E>(story: (played: Played, roomId: string) => Effect.Effect<A, E>) =>
  play({ servers: 3 }, (played) =>
    Effect.gen(function* () {
      const roomId = yield* played.stage.user(alice).createRoom()
      return yield* story(played, roomId)
    }),
  )
const profilesOn = ({ servers }: Played, server: string) =>
  Context.get(servers.get(server)!.services, Profiles)
const aliasesOn = ({ servers }: Played, server: string) => Context.get(servers.get(server)!.services, Aliases)
const directoryOn = ({ servers }: Played, server: string) =>
  Context.get(servers.get(server)!.services, PublishedRooms)
const tokensOn = ({ servers }: Played, server: string) =>
  Context.get(servers.get(server)!.services, OpenIdTokens)
const get = (target: string) => ({ method: "GET", target: `/_matrix/federation/v1/${target}` })
/** "200" or "404 M_NOT_FOUND". */
const outcome = (played: Played, request: { method: string; target: string }, more = {}) =>
  Effect.map(sendRaw(played, { from: "s2", to: "s1", ...request, ...more }), ({ status, errcode }) =>
    errcode === undefined ? String(status) : `${status} ${String(errcode)}`,
  )

describe("profiles", () => {
  it("are told whole or by field, and asked for no more often than needed", () =>
    inRoom((played) =>
      Effect.gen(function* () {
        yield* profilesOn(played, "s1").set(alice, "displayname", "Alice")
        yield* profilesOn(played, "s1").set(alice, "m.tz", "Europe/Berlin")
        yield* profilesOn(played, "s1").set(alice, "org.example.pet", { kind: "cat" })
        const { client } = played.servers.get("s2")!
        const ask = (field?: string) =>
          client.call("s1", (api) =>
            api.queries.profile({ query: { user_id: alice, ...(field === undefined ? {} : { field }) } }),
          )
        expect({ ...(yield* ask()) }).toEqual({
          displayname: "Alice",
          "m.tz": "Europe/Berlin",
          "org.example.pet": { kind: "cat" },
        })
        expect({ ...(yield* ask("m.tz")) }).toEqual({ "m.tz": "Europe/Berlin" })
        expect(yield* refusal(ask("avatar_url"))).toContain("404 M_NOT_FOUND")
        const before = played.network.requests()
        expect(yield* profilesOn(played, "s2").lookUp(alice)).toMatchObject({ displayname: "Alice" })
        expect(yield* profilesOn(played, "s2").lookUp(alice)).toMatchObject({ displayname: "Alice" })
        expect(played.network.requests()).toBe(before + 1)
        yield* played.stage.wait(6 * 60_000)
        yield* profilesOn(played, "s2").lookUp(alice)
        expect(played.network.requests()).toBe(before + 2)
      }),
    ))

  it("are written by this server for its own users, and are of a size", () =>
    inRoom((played) =>
      Effect.gen(function* () {
        const { set } = profilesOn(played, "s1")
        expect(yield* refusal(set(bob, "displayname", "B"))).toContain("M_FORBIDDEN")
        expect(yield* refusal(set(alice, "x", "y".repeat(70_000)))).toContain("M_TOO_LARGE")
        expect(yield* refusal(set(alice, "x".repeat(300), 1))).toContain("M_INVALID_PARAM")
      }),
    ))

  it("stand in the user's rooms too", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        yield* played.stage.user(bob).join(roomId, "s1")
        yield* profilesOn(played, "s2").set(bob, "displayname", "Bob")
        yield* played.stage.quiet
        const member = () => played.stage.stateOf("s1", roomId, "m.room.member", bob)?.content
        expect(member()).toEqual({ membership: "join", displayname: "Bob" })
        yield* profilesOn(played, "s2").set(bob, "displayname", null)
        yield* played.stage.quiet
        expect(member()).toEqual({ membership: "join" })
      }),
    ))
})

describe("aliases", () => {
  it("lead another server's user into the room", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        yield* aliasesOn(played, "s1").create(alice, "#room:s1", roomId)
        const target = yield* aliasesOn(played, "s2").resolve("#room:s1")
        expect(target).toEqual({ room_id: roomId, servers: ["s1"] })
        yield* played.servers.get("s2")!.users.join(bob, target.room_id, target.servers)
        yield* played.stage.quiet
        expect((yield* aliasesOn(played, "s3").resolve("#room:s1")).servers).toEqual(["s1", "s2"])
      }),
    ))

  it("are made by members, once, on their own server, and removed by who made them or has the power", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const aliases = aliasesOn(played, "s1")
        yield* aliases.create(alice, "#room:s1", roomId)
        expect(yield* refusal(aliases.create(alice, "#room:s1", roomId))).toContain("409")
        expect(yield* refusal(aliases.create(alice, "#room:s2", roomId))).toContain("M_INVALID_PARAM")
        expect(yield* refusal(aliases.create(alice, "room", roomId))).toContain("M_INVALID_PARAM")
        expect(yield* refusal(aliases.create("@eve:s1", "#b:s1", roomId))).toContain("M_FORBIDDEN")
        expect(yield* refusal(aliases.create(alice, "#b:s1", "!nowhere"))).toContain("M_NOT_FOUND")
        yield* played.stage.user("@eve:s1").join(roomId)
        yield* aliases.create("@eve:s1", "#eve:s1", roomId)
        expect(yield* refusal(aliases.remove("@eve:s1", "#room:s1"))).toContain("M_FORBIDDEN")
        yield* aliases.remove(alice, "#eve:s1")
        expect(yield* refusal(aliases.remove(alice, "#eve:s1"))).toContain("M_NOT_FOUND")
        expect(yield* refusal(aliasesOn(played, "s2").resolve("#eve:s1"))).toContain("404 M_NOT_FOUND")
        expect(yield* refusal(aliasesOn(played, "s2").resolve("nonsense"))).toContain("M_INVALID_PARAM")
      }),
    ))

  it("one name asked for twice at once is given once", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const create = Effect.result(aliasesOn(played, "s1").create(alice, "#one:s1", roomId))
        const results = yield* Effect.all([create, create, create], { concurrency: "unbounded" })
        expect(results.filter(({ _tag }) => _tag === "Success")).toHaveLength(1)
      }),
    ))
})

describe("the directory", () => {
  /** Five published rooms: the third a space, the fourth with a topic. */
  const withRooms = <A, E>(story: (played: Played, ids: readonly string[]) => Effect.Effect<A, E>) =>
    play({ servers: 2 }, (played) =>
      Effect.gen(function* () {
        const ids: string[] = []
        for (let count = 0; count < 5; count++) {
          const roomId = yield* played.stage.user(alice).createRoom({
            initialState: [
              { type: "m.room.name", stateKey: "", content: { name: `Room ${count}` } },
              ...(count === 3
                ? [{ type: "m.room.topic", stateKey: "", content: { topic: "The GARDEN" } }]
                : []),
            ],
            ...(count === 2 ? { creationContent: { type: "m.space" } } : {}),
          })
          yield* directoryOn(played, "s1").publish(alice, roomId, true)
          ids.push(roomId)
        }
        return yield* story(played, ids)
      }),
    )
  const namesOf = (chunk: readonly JsonObject[]) => chunk.map(({ name }) => String(name)).sort()

  it("is told in pages that stay what they are, forward and back", () =>
    withRooms((played, ids) =>
      Effect.gen(function* () {
        const ask = (query: object) => directoryOn(played, "s2").pageOf("s1", query)
        const all = yield* ask({})
        expect(all.chunk.map(({ room_id }) => room_id)).toEqual([...ids].sort())
        expect(all).toMatchObject({ total_room_count_estimate: 5 })
        expect([all.next_batch, all.prev_batch]).toEqual([undefined, undefined])
        expect((yield* ask({ limit: 0 })).chunk).toHaveLength(5)
        const first = yield* ask({ limit: 2 })
        const second = yield* ask({ limit: 2, since: first.next_batch! })
        yield* directoryOn(played, "s1").publish(alice, String(second.chunk[1]!.room_id), false)
        const third = yield* ask({ limit: 2, since: second.next_batch! })
        expect([...first.chunk, ...second.chunk, ...third.chunk].map(({ room_id }) => room_id)).toEqual(
          [...ids].sort(),
        )
        expect(third.next_batch).toBeUndefined()
        const back = yield* ask({ limit: 2, since: second.prev_batch! })
        expect(back.chunk).toEqual(first.chunk)
        expect(back.prev_batch).toBeUndefined()
      }),
    ))

  it("is searched by words and by type; null stands for rooms without one", () =>
    withRooms((played) =>
      Effect.gen(function* () {
        const ask = (filter: object) =>
          Effect.map(directoryOn(played, "s2").pageOf("s1", { filter }), ({ chunk }) => namesOf(chunk))
        expect(yield* ask({ generic_search_term: "garden" })).toEqual(["Room 3"])
        expect(yield* ask({ generic_search_term: "ROOM 1" })).toEqual(["Room 1"])
        expect(yield* ask({ room_types: ["m.space"] })).toEqual(["Room 2"])
        expect(yield* ask({ room_types: [null] })).toEqual(["Room 0", "Room 1", "Room 3", "Room 4"])
        expect(yield* ask({ room_types: null })).toHaveLength(5)
        const bridged = yield* directoryOn(played, "s2").pageOf("s1", { third_party_instance_id: "irc" })
        expect(bridged.chunk).toEqual([])
      }),
    ))

  it("says of a room what its state says, and is written by who has the power", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const history = { history_visibility: "world_readable" }
        yield* stage.user(alice).setState(roomId, "m.room.history_visibility", history)
        yield* stage.user(alice).setState(roomId, "m.room.guest_access", { guest_access: "can_join" })
        yield* stage.user("@eve:s1").join(roomId)
        const directory = directoryOn(played, "s1")
        expect(yield* refusal(directory.publish("@eve:s1", roomId, true))).toContain("M_FORBIDDEN")
        expect(yield* refusal(directory.publish(alice, "!nowhere", true))).toContain("M_NOT_FOUND")
        yield* directory.publish(alice, roomId, true)
        const { chunk } = yield* directoryOn(played, "s2").pageOf("s1", {})
        expect(chunk).toEqual([
          {
            room_id: roomId,
            num_joined_members: 2,
            world_readable: true,
            guest_can_join: true,
            join_rule: "public",
          },
        ])
      }),
    ))
})

describe("OpenID", () => {
  it("tells whose token it is, without a signature, for an hour", () =>
    inRoom((played) =>
      Effect.gen(function* () {
        const { accessToken, serverName } = yield* tokensOn(played, "s1").make(alice)
        expect(yield* tokensOn(played, "s2").verify(serverName, accessToken)).toBe(alice)
        const ask = get(`openid/userinfo?access_token=${accessToken}`)
        expect(yield* outcome(played, ask, { unsigned: true })).toBe("200")
        expect(yield* outcome(played, get("openid/userinfo"))).toBe("401 M_MISSING_TOKEN")
        expect(yield* outcome(played, get("openid/userinfo?access_token=x"))).toBe("401 M_UNKNOWN_TOKEN")
        yield* played.stage.wait(60 * 60_000)
        expect(yield* outcome(played, ask)).toBe("401 M_UNKNOWN_TOKEN")
        expect(yield* refusal(tokensOn(played, "s1").make(bob))).toContain("M_FORBIDDEN")
        expect((yield* tokensOn(played, "s1").make(alice)).accessToken).not.toBe(accessToken)
      }),
    ))

  it("believes a server about its own users alone", () =>
    inRoom((played) =>
      Effect.gen(function* () {
        const { accessToken } = yield* tokensOn(played, "s1").make(alice)
        yield* played.stage.rule("liar", { path: /openid/ }, reply(200, { sub: "@admin:s2" }))
        expect(yield* refusal(tokensOn(played, "s2").verify("s1", accessToken))).toContain("502")
      }),
    ))
})

it("profiles, aliases, published rooms and tokens outlive a restart", () =>
  play({ servers: 1 }, ({ kernel, network }) =>
    Effect.gen(function* () {
      const signatures = synchronously(nativeSignatures("libsodium"))
      const parts = { kernel, network, signatures, settings: {}, disk: new MemoryDisk() }
      const user = "@alice:home"
      const { roomId, accessToken } = yield* Effect.scoped(
        Effect.gen(function* () {
          const { users, services } = yield* bootServer("home", parts)
          const roomId = yield* users.createRoom(user, {})
          yield* Context.get(services, Profiles).set(user, "displayname", "Alice")
          yield* Context.get(services, Aliases).create(user, "#room:home", roomId)
          yield* Context.get(services, PublishedRooms).publish(user, roomId, true)
          return { roomId, ...(yield* Context.get(services, OpenIdTokens).make(user)) }
        }),
      )
      const { services } = yield* bootServer("home", parts)
      expect(yield* Context.get(services, Profiles).lookUp(user)).toEqual({ displayname: "Alice" })
      expect(yield* Context.get(services, Aliases).resolve("#room:home")).toMatchObject({ room_id: roomId })
      expect((yield* Context.get(services, PublishedRooms).page({})).chunk).toHaveLength(1)
      expect(yield* Context.get(services, OpenIdTokens).ownerOf(accessToken)).toBe(user)
    }).pipe(Effect.scoped),
  ))
