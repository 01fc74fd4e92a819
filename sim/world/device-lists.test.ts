/** Device lists: whom a change is told to, and what becomes of what was missed, came twice, late, or from the wrong server. */
import { Context, Effect, type Scope } from "effect"
import { describe, expect, it } from "vitest"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { LocalDevices } from "#spec-impl/federation/devices/local-devices.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import { synchronously } from "#spec-impl/homeserver/signatures/noble.ts"
import { MemoryDisk } from "#spec-impl/store/memory.ts"
import { drop, reply } from "../network/rules.ts"
import { crossSigningClient, deviceClient } from "./client-keys.ts"
import { deviceIdsOn, heldBy, logIn, outdatedOn, pushEdus } from "./testing/devices.ts"
import { type Played, play, refusal } from "./testing/play.ts"
import { sendRaw, wrongSignatures } from "./testing/raw-request.ts"
import { bootServer } from "./world.ts"

const alice = "@alice:s1"
const bob = "@bob:s2"

/** Alice of s1 with her phone, and Bob of s2, in one room; s3 is in none. */
const inRoom = <A, E>(
  story: (played: Played, roomId: string) => Effect.Effect<A, E, Scope.Scope>,
  servers = 3,
) =>
  play({ servers }, (played) =>
    Effect.gen(function* () {
      const { stage } = played
      const roomId = yield* stage.user(alice).createRoom()
      yield* stage.user(bob).join(roomId, "s1")
      yield* stage.quiet
      yield* logIn(stage, alice, "PHONE")
      yield* stage.quiet
      return yield* story(played, roomId)
    }).pipe(Effect.scoped),
  )

/** Counts the requests for whole lists. */
const countFetches = Effect.fnUntraced(function* ({ network }: Played) {
  return yield* network.rule({ path: /\/user\/devices\// }, { kind: "pass" })
})
const update = (streamId: number, prevIds: readonly number[], more: JsonObject = {}): JsonObject => ({
  user_id: alice,
  device_id: "TABLET",
  stream_id: streamId,
  prev_id: prevIds,
  ...more,
})
const streamIdOf = ({ servers }: Played) =>
  Context.get(servers.get("s1")!.services, LocalDevices).listOf(alice)!.streamId

describe("a user's devices", () => {
  it("are told to the servers that share a room, to no others, and each change costs no more than its EDU", () =>
    inRoom((played) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        expect(heldBy(servers.get("s2")!, alice)).toEqual(heldBy(servers.get("s1")!, alice))
        const fetches = yield* countFetches(played)
        const actor = stage.user(alice)
        yield* actor.renameDevice("PHONE", "Alice's phone")
        yield* logIn(stage, alice, "LAPTOP")
        yield* logIn(stage, alice, "OLD")
        yield* actor.deleteDevice("OLD")
        yield* actor.deleteDevice("NEVER")
        yield* stage.quiet
        expect(heldBy(servers.get("s2")!, alice)).toEqual(heldBy(servers.get("s1")!, alice))
        expect(heldBy(servers.get("s2")!, alice)?.devices.PHONE?.displayName).toBe("Alice's phone")
        expect(deviceIdsOn(played, "s2", alice)).toEqual(["LAPTOP", "PHONE"])
        expect(fetches.hits()).toBe(0)
        expect(deviceIdsOn(played, "s3", alice)).toBeUndefined()
      }),
    ))

  it("are told to servers that come to share a room: the user joins theirs, or they join the user's", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const carol = stage.user("@carol:s3")
        const other = yield* carol.createRoom()
        yield* stage.user(alice).join(other, "s3")
        yield* stage.quiet
        expect(deviceIdsOn(played, "s3", alice)).toEqual(["PHONE"])
        yield* logIn(stage, "@carol:s3", "DESK")
        yield* stage.quiet
        expect(deviceIdsOn(played, "s2", "@carol:s3")).toBeUndefined()
        yield* carol.join(roomId, "s1")
        yield* stage.quiet
        expect(deviceIdsOn(played, "s2", "@carol:s3")).toEqual(["DESK"])
      }),
    ))

  it("are forgotten when no room is shared any more, and fetched anew when one is again", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user(bob).leave(roomId)
        yield* stage.quiet
        expect(deviceIdsOn(played, "s2", alice)).toBeUndefined()
        yield* logIn(stage, alice, "LAPTOP")
        yield* stage.quiet
        expect(deviceIdsOn(played, "s2", alice)).toBeUndefined()
        yield* stage.user(bob).join(roomId, "s1")
        yield* stage.quiet
        expect(deviceIdsOn(played, "s2", alice)).toEqual(["LAPTOP", "PHONE"])
        yield* stage.user(alice).leave(roomId)
        yield* stage.quiet
        expect(deviceIdsOn(played, "s2", alice)).toBeUndefined()
      }),
    ))

  it("are told when the user is in the room again by no event of its own: the ban lost where branches met", () =>
    play({ servers: 2, roomVersion: "10" }, (played) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        const roomId = yield* stage.user(bob).createRoom()
        yield* stage.user(alice).join(roomId, "s2")
        const zoe = stage.user("@zoe:s1")
        yield* zoe.join(roomId)
        const setLevel = (level: number) =>
          stage
            .user(bob)
            .setState(roomId, "m.room.power_levels", { users: { [bob]: 100, [zoe.userId]: level } })
        yield* setLevel(50)
        yield* logIn(stage, alice, "PHONE")
        yield* stage.quiet
        yield* stage.partition(["s1"], ["s2"])
        yield* setLevel(0)
        yield* stage.wait(1_000)
        yield* zoe.ban(roomId, alice)
        yield* logIn(stage, alice, "TABLET")
        yield* stage.heal
        yield* stage.quiet
        expect(stage.stateOf("s1", roomId, "m.room.member", alice)?.content.membership).toBe("join")
        expect(deviceIdsOn(played, "s2", alice)).toEqual(["PHONE", "TABLET"])
        expect(heldBy(servers.get("s2")!, alice)).toEqual(heldBy(servers.get("s1")!, alice))
      }),
    ))

  it("beyond what waits for a server that is away are fetched once, when it is back", () =>
    inRoom((played) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        const fetches = yield* countFetches(played)
        yield* stage.partition(["s1"], ["s2", "s3"])
        for (let count = 0; count < 50; count++)
          yield* stage.user(alice).renameDevice("PHONE", `name ${count}`)
        yield* stage.wait(2_000)
        const [unsent] = servers.get("s1")!.destinations.unsent()
        expect(unsent!.eduCount).toBeLessThan(50)
        yield* stage.heal
        yield* stage.quiet
        expect(heldBy(servers.get("s2")!, alice)?.devices.PHONE?.displayName).toBe("name 49")
        expect(fetches.hits()).toBe(1)
      }),
    ))
})

describe("m.device_list_update", () => {
  it("that was lost shows in the next one, and the list is fetched", () =>
    inRoom((played) =>
      Effect.gen(function* () {
        const { stage, network } = played
        const fetches = yield* countFetches(played)
        const lose = { source: "s1", destination: "s2", path: /\/send\// }
        yield* network.rule(lose, reply(200, { pdus: {} }), { times: 1 })
        yield* stage.user(alice).addDevice("LOST")
        yield* stage.quiet
        expect(deviceIdsOn(played, "s2", alice)).toEqual(["PHONE"])
        yield* stage.user(alice).addDevice("NEXT")
        yield* stage.quiet
        expect(deviceIdsOn(played, "s2", alice)).toEqual(["LOST", "NEXT", "PHONE"])
        expect(fetches.hits()).toBe(1)
      }),
    ))

  it("that is known already changes nothing; an older one, or one that begins anew, has the list fetched", () =>
    inRoom((played) =>
      Effect.gen(function* () {
        const { stage } = played
        const fetches = yield* countFetches(played)
        const last = streamIdOf(played)
        yield* pushEdus(played, "s1", "s2", ["m.device_list_update", update(last, [last - 1])])
        expect(fetches.hits()).toBe(0)
        for (const [streamId, prevIds] of [
          [last - 1, [last - 2]],
          [last + 5, []],
          [last + 6, [last + 4]],
        ] as const) {
          const before = fetches.hits()
          yield* pushEdus(played, "s1", "s2", ["m.device_list_update", update(streamId, prevIds)])
          yield* stage.quiet
          expect(fetches.hits()).toBeGreaterThan(before)
          expect(deviceIdsOn(played, "s2", alice)).toEqual(["PHONE"])
          expect(outdatedOn(played, "s2")).toEqual([])
        }
        yield* stage.user(alice).addDevice("LAPTOP")
        yield* stage.quiet
        expect(deviceIdsOn(played, "s2", alice)).toEqual(["LAPTOP", "PHONE"])
      }),
    ))

  it("is believed of the sending server's own users alone, in its form, where a room is shared", () =>
    inRoom((played) =>
      Effect.gen(function* () {
        const { stage } = played
        const next = streamIdOf(played) + 1
        const good = update(next, [next - 1])
        const keys = deviceClient(alice, "OTHER").deviceKeys
        yield* pushEdus(played, "s3", "s2", ["m.device_list_update", good])
        for (const wrong of [
          { user_id: bob },
          { user_id: 7 },
          { device_id: 7 },
          { stream_id: "x" },
          { prev_id: 7 },
          { prev_id: ["x"] },
          { deleted: "yes" },
          { device_display_name: 7 },
          { keys },
          { keys: "x" },
        ]) {
          yield* pushEdus(played, "s1", "s2", ["m.device_list_update", { ...good, ...wrong }])
        }
        yield* pushEdus(played, "s3", "s2", [
          "m.device_list_update",
          { ...good, user_id: "@stranger:s3", prev_id: [] },
        ])
        yield* stage.quiet
        expect(deviceIdsOn(played, "s2", alice)).toEqual(["PHONE"])
        expect(deviceIdsOn(played, "s2", "@stranger:s3")).toBeUndefined()
        expect(deviceIdsOn(played, "s2", bob)).toBeUndefined()
        yield* pushEdus(played, "s1", "s2", ["m.device_list_update", good])
        expect(deviceIdsOn(played, "s2", alice)).toEqual(["PHONE", "TABLET"])
      }),
    ))

  /** The list is asked for, and the answer will take some seconds more, while all else goes at its usual pace. */
  const untilAnswerIsLate = Effect.fnUntraced(function* ({ stage, network }: Played) {
    const lose = { source: "s1", destination: "s2", path: /\/send\// }
    yield* network.rule(lose, reply(200, { pdus: {} }), { times: 1 })
    yield* stage.user(alice).addDevice("LOST")
    yield* stage.quiet
    yield* Effect.scoped(
      Effect.gen(function* () {
        const slow = { latency: { kind: "fixed", ms: 5_000 } } as const
        yield* network.adjust({ source: "s1", destination: "s2" }, slow)
        yield* stage.user(alice).addDevice("NEXT")
        yield* stage.wait(5_500)
      }),
    )
  })

  it("that comes while the list is fetched is not undone by an answer from before it", () =>
    inRoom((played) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* untilAnswerIsLate(played)
        const fetches = yield* countFetches(played)
        yield* stage.user(alice).deleteDevice("LOST")
        yield* stage.wait(2_000)
        expect(outdatedOn(played, "s2")).toEqual([alice])
        yield* stage.quiet
        expect(deviceIdsOn(played, "s2", alice)).toEqual(["NEXT", "PHONE"])
        expect(fetches.hits()).toBe(0)
      }),
    ))

  it("is not undone by an answer that another one has overtaken", () =>
    inRoom((played) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* untilAnswerIsLate(played)
        yield* stage.user(bob).queryKeys({ [alice]: [] })
        yield* stage.user(alice).deleteDevice("LOST")
        yield* stage.wait(1_000)
        expect(deviceIdsOn(played, "s2", alice)).toEqual(["NEXT", "PHONE"])
        yield* stage.wait(20_000)
        expect(deviceIdsOn(played, "s2", alice)).toEqual(["NEXT", "PHONE"])
      }),
    ))

  it("is newer than what its server answers: the list is fetched again, but not for ever", () =>
    inRoom((played) =>
      Effect.gen(function* () {
        const { stage, network } = played
        const target = `/_matrix/federation/v1/user/devices/${encodeURIComponent(alice)}`
        const { body } = yield* sendRaw(played, { from: "s2", to: "s1", method: "GET", target })
        const lose = { source: "s1", destination: "s2", path: /\/send\// }
        yield* network.rule(lose, reply(200, { pdus: {} }), { times: 1 })
        yield* stage.user(alice).addDevice("LOST")
        yield* stage.quiet
        yield* network.rule({ path: /\/user\/devices\// }, reply(200, body), { times: 2 })
        yield* stage.user(alice).addDevice("NEXT")
        yield* stage.quiet
        expect(deviceIdsOn(played, "s2", alice)).toEqual(["LOST", "NEXT", "PHONE"])
        const fetches = yield* countFetches(played)
        yield* pushEdus(played, "s1", "s2", ["m.device_list_update", update(1_000_000, [999_999])])
        yield* stage.quiet
        expect(fetches.hits()).toBe(4)
        expect(outdatedOn(played, "s2")).toEqual([])
      }),
    ))

  it("whose list cannot be fetched is tried again; meanwhile clients get no list that is no longer true", () =>
    inRoom((played) =>
      Effect.gen(function* () {
        const { stage, network } = played
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* network.rule({ path: /\/user\/devices\// }, drop)
            const next = streamIdOf(played) + 5
            yield* pushEdus(played, "s1", "s2", ["m.device_list_update", update(next, [next - 1])])
            yield* stage.wait(1_000)
            expect(outdatedOn(played, "s2")).toEqual([alice])
            const asked = yield* stage.user(bob).queryKeys({ [alice]: [] })
            expect(asked.device_keys).toEqual({})
            expect(Object.keys(asked.failures)).toEqual(["s1"])
          }),
        )
        const asked = yield* stage.user(bob).queryKeys({ [alice]: [] })
        expect(Object.keys(asked.device_keys[alice]!)).toEqual(["PHONE"])
        yield* stage.quiet
        expect(outdatedOn(played, "s2")).toEqual([])
      }),
    ))

  it("of a user that its own server does not know has the list forgotten; an answer without sense does not", () =>
    inRoom((played) =>
      Effect.gen(function* () {
        const { stage, network } = played
        const next = streamIdOf(played) + 5
        const path = /\/user\/devices\//
        yield* network.rule({ path }, reply(200, { user_id: bob, stream_id: 9, devices: [] }), { times: 2 })
        yield* pushEdus(played, "s1", "s2", ["m.device_list_update", update(next, [next - 1])])
        yield* stage.quiet
        expect(deviceIdsOn(played, "s2", alice)).toEqual(["PHONE"])
        yield* network.rule({ path }, reply(404, { errcode: "M_NOT_FOUND", error: "" }), { times: 1 })
        yield* pushEdus(played, "s1", "s2", ["m.device_list_update", update(next, [next - 1])])
        yield* stage.quiet
        expect(deviceIdsOn(played, "s2", alice)).toBeUndefined()
      }),
    ))
})

describe("m.signing_key_update", () => {
  const keys = crossSigningClient(alice).keys
  const content = { user_id: alice, master_key: keys.master_key, self_signing_key: keys.self_signing_key }

  it("tells new cross-signing keys; signatures by them come as updates of the devices", () =>
    inRoom((played) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        const actor = stage.user(alice)
        yield* actor.uploadCrossSigningKeys(keys)
        yield* stage.quiet
        expect(heldBy(servers.get("s2")!, alice)).toMatchObject({
          masterKey: keys.master_key,
          selfSigningKey: keys.self_signing_key,
        })
        const signed = crossSigningClient(alice).signDevice(deviceClient(alice, "PHONE").deviceKeys)
        expect(yield* actor.uploadSignatures({ [alice]: { PHONE: signed } })).toEqual({})
        yield* stage.quiet
        expect(heldBy(servers.get("s2")!, alice)?.devices.PHONE?.keys).toEqual(signed)
        const rotated = crossSigningClient(alice, "second").keys
        yield* actor.uploadCrossSigningKeys(rotated)
        yield* stage.quiet
        expect(heldBy(servers.get("s2")!, alice)?.masterKey).toEqual(rotated.master_key)
        // What comes late tells nothing that is not so.
        yield* pushEdus(played, "s1", "s2", ["m.signing_key_update", content])
        yield* stage.quiet
        expect(heldBy(servers.get("s2")!, alice)?.masterKey).toEqual(rotated.master_key)
      }),
    ))

  it("is taken under its unstable name too; believed of the sender's own users alone, and only whole", () =>
    inRoom((played) =>
      Effect.gen(function* () {
        const { stage, network, servers } = played
        const fetches = yield* countFetches(played)
        const other = crossSigningClient(alice, "other").keys
        yield* pushEdus(played, "s3", "s2", ["m.signing_key_update", content])
        for (const wrong of [
          { user_id: bob },
          { master_key: other.master_key },
          { master_key: { ...keys.master_key, usage: ["self_signing"] } },
          { master_key: { ...keys.master_key, user_id: bob } },
          { master_key: { ...keys.master_key, keys: {} } },
          { master_key: "x" },
          { self_signing_key: { ...keys.self_signing_key, signatures: {} } },
        ]) {
          yield* pushEdus(played, "s1", "s2", ["m.signing_key_update", { ...content, ...wrong }])
        }
        yield* stage.quiet
        expect(fetches.hits()).toBe(0)
        const lose = { source: "s1", destination: "s2", path: /\/send\// }
        yield* network.rule(lose, reply(200, { pdus: {} }), { times: 1 })
        yield* stage.user(alice).uploadCrossSigningKeys(keys)
        yield* stage.quiet
        expect(heldBy(servers.get("s2")!, alice)?.masterKey).toBeUndefined()
        yield* pushEdus(played, "s1", "s2", ["org.matrix.signing_key_update", content])
        yield* stage.quiet
        expect(heldBy(servers.get("s2")!, alice)?.masterKey).toEqual(keys.master_key)
      }),
    ))
})

describe("GET /user/devices", () => {
  const target = (userId: string) => `/_matrix/federation/v1/user/devices/${encodeURIComponent(userId)}`

  it("tells devices and cross-signing keys, to whoever signs, of this server's users", () =>
    inRoom((played) =>
      Effect.gen(function* () {
        const { stage } = played
        const { keys, signDevice } = crossSigningClient(alice)
        yield* stage.user(alice).uploadCrossSigningKeys(keys)
        const signed = signDevice(deviceClient(alice, "PHONE").deviceKeys)
        yield* stage.user(alice).uploadSignatures({ [alice]: { PHONE: signed } })
        yield* stage.user(alice).renameDevice("PHONE", "Phone")
        const ask = { from: "s3", to: "s1", method: "GET", target: target(alice) }
        const { body } = yield* sendRaw(played, ask)
        expect(JSON.parse(JSON.stringify(body))).toEqual({
          user_id: alice,
          stream_id: streamIdOf(played),
          devices: [{ device_id: "PHONE", keys: signed, device_display_name: "Phone" }],
          master_key: keys.master_key,
          self_signing_key: keys.self_signing_key,
        })
        for (const wrong of Object.values(wrongSignatures)) {
          const { status, errcode } = yield* sendRaw(played, { ...ask, from: "s2", ...wrong })
          expect([status, errcode]).toEqual([401, "M_UNAUTHORIZED"])
        }
        for (const nobody of ["@nobody:s1", bob, "nonsense"]) {
          const { status, errcode } = yield* sendRaw(played, { ...ask, target: target(nobody) })
          expect([status, errcode]).toEqual([404, "M_NOT_FOUND"])
        }
        yield* stage.user("@carol:s1").createRoom()
        const answer = yield* sendRaw(played, { ...ask, target: target("@carol:s1") })
        expect({ ...answer.body }).toEqual({ user_id: "@carol:s1", stream_id: 0, devices: [] })
      }),
    ))
})

describe("a client", () => {
  it("names devices of its own user, by ids that are none of its keys", () =>
    inRoom((played) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        const actor = stage.user(alice)
        const devices = Context.get(servers.get("s1")!.services, LocalDevices)
        expect(yield* refusal(devices.add(bob))).toContain("403 M_FORBIDDEN")
        expect(yield* refusal(actor.addDevice(""))).toContain("400 M_INVALID_PARAM")
        expect(yield* refusal(actor.addDevice("*"))).toContain("400 M_INVALID_PARAM")
        expect(yield* refusal(actor.addDevice("x".repeat(256)))).toContain("400 M_INVALID_PARAM")
        expect(yield* refusal(actor.renameDevice("NONE", "x"))).toContain("404 M_NOT_FOUND")
        const one = yield* devices.add(alice)
        const two = yield* devices.add(alice)
        expect(one).not.toBe(two)
        const { keys, masterName } = crossSigningClient(alice)
        yield* actor.uploadCrossSigningKeys(keys)
        expect(yield* refusal(actor.addDevice(masterName))).toContain("403 M_FORBIDDEN")
      }),
    ))
})

describe("after a restart", () => {
  it("lists, what was to be told, and what was to be fetched are as before", () =>
    play({ servers: 1 }, ({ kernel, network, stage, servers }) =>
      Effect.gen(function* () {
        const signatures = synchronously(nativeSignatures("libsodium"))
        const disks = { a: new MemoryDisk(), b: new MemoryDisk() }
        const boot = (name: "a" | "b") =>
          bootServer(name, { kernel, network, signatures, settings: {}, disk: disks[name] })
        const owner = "@owner:a"
        const before = yield* Effect.scoped(
          Effect.gen(function* () {
            const a = yield* boot("a")
            const b = yield* boot("b")
            const roomId = yield* a.users.createRoom(owner, {})
            yield* b.users.join("@guest:b", roomId, ["a"])
            yield* stage.wait(2_000)
            const devices = Context.get(a.services, LocalDevices)
            yield* devices.add(owner, { deviceId: "ONE", displayName: "one" })
            yield* stage.wait(2_000)
            expect(heldBy(b, owner)).toEqual(heldBy(a, owner))
            yield* network.partition([["a"], ["b"]])
            yield* devices.add(owner, { deviceId: "TWO" })
            yield* stage.wait(1_000)
            return heldBy(a, owner)
          }),
        )
        const b = yield* boot("b")
        expect(Object.keys(heldBy(b, owner)!.devices)).toEqual(["ONE"])
        const a = yield* boot("a")
        expect(heldBy(a, owner)).toEqual(before)
        yield* network.heal
        yield* stage.wait(60_000)
        expect(heldBy(b, owner)).toEqual(before)
        expect(servers.size).toBe(1)
      }).pipe(Effect.scoped),
    ))

  it("a list that was to be fetched still is", () =>
    play({ servers: 1 }, ({ kernel, network, stage }) =>
      Effect.gen(function* () {
        const signatures = synchronously(nativeSignatures("libsodium"))
        const disk = new MemoryDisk()
        const parts = { kernel, network, signatures, settings: {} }
        const a = yield* bootServer("a", parts)
        const owner = "@owner:a"
        const devices = Context.get(a.services, LocalDevices)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const b = yield* bootServer("b", { ...parts, disk })
            const roomId = yield* a.users.createRoom(owner, {})
            yield* b.users.join("@guest:b", roomId, ["a"])
            yield* stage.wait(2_000)
            yield* network.rule({ path: /\/user\/devices\// }, drop)
            yield* devices.add(owner, { deviceId: "ONE" })
            yield* stage.wait(3_000)
            expect(outdatedOn({ servers: new Map([["b", b]]) }, "b")).toEqual([owner])
          }),
        )
        const b = yield* bootServer("b", { ...parts, disk })
        yield* stage.wait(3_000)
        expect(Object.keys(heldBy(b, owner)!.devices)).toEqual(["ONE"])
      }).pipe(Effect.scoped),
    ))
})
