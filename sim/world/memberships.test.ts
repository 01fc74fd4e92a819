/** Invites, knocks and leaving, by way of servers that are in the room, and what of it outlives a restart. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { eventIdOf } from "#spec-impl/core/event-id.ts"
import { roomVersions } from "#spec-impl/core/room-version.ts"
import { signEvent } from "#spec-impl/core/signing.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import { synchronously } from "#spec-impl/homeserver/signatures/noble.ts"
import { MemoryDisk } from "#spec-impl/store/memory.ts"
import { stateByKey } from "../checks/agreement.ts"
import { alterRequest, reply } from "../network/rules.ts"
import { type Played, play, refusal } from "./testing/play.ts"
import { bootServer } from "./world.ts"

const bob = "@bob:s2"

/** Alice's room on s1, of which s2 knows nothing. */
const withRoom = <A, E>(
  options: { readonly roomVersion?: string; readonly joinRule?: string; readonly servers?: number },
  story: (played: Played, roomId: string) => Effect.Effect<A, E>,
) =>
  play({ servers: 2, ...options }, (played) =>
    Effect.gen(function* () {
      const joinRule = options.joinRule ?? "invite"
      const initialState = [{ type: "m.room.name", stateKey: "", content: { name: "the room" } }]
      const roomId = yield* played.stage.user("@alice:s1").createRoom({ joinRule, initialState })
      return yield* story(played, roomId)
    }),
  )
const membershipOn = ({ stage }: Played, server: string, roomId: string, userId = bob): unknown =>
  stage.stateOf(server, roomId, "m.room.member", userId)?.content.membership
const stateOn = (played: Played, server: string, roomId: string) => {
  const dag = played.servers.get(server)!.rooms.find(roomId)!.dag
  return stateByKey(dag, dag.currentState())
}
const standingOf = ({ servers }: Played, roomId: string) => servers.get("s2")!.outside.standingOf(bob, roomId)

describe("an invite", () => {
  for (const { id } of roomVersions) {
    it(`room ${id}: is signed by both servers, tells what the room is, and lets the user in`, async () => {
      await withRoom({ roomVersion: id }, (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          const invite = yield* stage.user("@alice:s1").invite(roomId, bob)
          expect(Object.keys(invite.pdu.signatures as object).sort()).toEqual(["s1", "s2"])
          expect(membershipOn(played, "s1", roomId)).toBe("invite")
          const standing = standingOf(played, roomId)
          expect(standing).toMatchObject({ membership: "invite", roomVersion: id, via: "s1" })
          expect(standing!.roomState.map(({ type }) => type)).toEqual(
            expect.arrayContaining(["m.room.create", "m.room.join_rules", "m.room.name", "m.room.member"]),
          )
          yield* stage.user(bob).join(roomId)
          yield* stage.quiet
          expect([membershipOn(played, "s1", roomId), membershipOn(played, "s2", roomId)]).toEqual([
            "join",
            "join",
          ])
          expect(standingOf(played, roomId)).toBeUndefined()
        }),
      )
    })
  }

  it("is turned down by way of the server that it came from", async () => {
    await withRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user("@alice:s1").invite(roomId, bob)
        yield* stage.user(bob).leave(roomId)
        expect(membershipOn(played, "s1", roomId)).toBe("leave")
        expect(standingOf(played, roomId)).toBeUndefined()
        expect(yield* refusal(stage.user(bob).join(roomId, "s1"))).toContain("403 M_FORBIDDEN")
      }),
    )
  })

  it("that the other server refuses, or never gets, is no part of the room", async () => {
    const settingsOf = (server: string) =>
      server === "s2" ? { roomVersions: roomVersions.slice(0, 10) } : {}
    await play({ settingsOf }, (played) =>
      Effect.gen(function* () {
        const { stage } = played
        const alice = stage.user("@alice:s1")
        const roomId = yield* alice.createRoom({ roomVersion: "12" })
        expect(yield* refusal(alice.invite(roomId, bob))).toContain("M_INCOMPATIBLE_ROOM_VERSION")
        yield* stage.partition(["s1"], ["s2"])
        expect(yield* refusal(alice.invite(roomId, bob))).toContain("unreachable")
        expect(membershipOn(played, "s1", roomId)).toBeUndefined()
      }),
    )
  })

  it("by who may not invite is refused before anybody is asked", async () => {
    await withRoom({ joinRule: "public" }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage, network } = played
        yield* stage.user("@alice:s1").setState(roomId, "m.room.power_levels", { invite: 50 })
        yield* stage.user("@carol:s1").join(roomId)
        const before = network.requests()
        expect(yield* refusal(stage.user("@carol:s1").invite(roomId, bob))).toContain("rejected by 5.4.5")
        expect(network.requests()).toBe(before)
      }),
    )
  })

  it("whose request was altered on its way is refused: it is signed", async () => {
    await withRoom({}, ({ stage }, roomId) =>
      Effect.gen(function* () {
        yield* stage.rule(
          "altered",
          { path: /\/invite\// },
          alterRequest((request) => ({ ...request, body: new Uint8Array([123, 125]) })),
        )
        expect(yield* refusal(stage.user("@alice:s1").invite(roomId, bob))).toContain("401 M_UNAUTHORIZED")
      }),
    )
  })
})

describe("a knock", () => {
  it("is answered with what the room is, and opens the way for an invite", async () => {
    await withRoom({ joinRule: "knock" }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user(bob).knock(roomId, "s1")
        expect(membershipOn(played, "s1", roomId)).toBe("knock")
        expect(standingOf(played, roomId)).toMatchObject({ membership: "knock", via: "s1" })
        expect(standingOf(played, roomId)!.roomState[0]!.type).toBe("m.room.create")
        yield* stage.user("@alice:s1").invite(roomId, bob)
        expect(standingOf(played, roomId)!.membership).toBe("invite")
        yield* stage.user(bob).join(roomId)
        yield* stage.quiet
        expect(membershipOn(played, "s2", roomId)).toBe("join")
      }),
    )
  })

  it("is taken back", async () => {
    await withRoom({ joinRule: "knock" }, (played, roomId) =>
      Effect.gen(function* () {
        yield* played.stage.user(bob).knock(roomId, "s1")
        yield* played.stage.user(bob).leave(roomId)
        expect(membershipOn(played, "s1", roomId)).toBe("leave")
      }),
    )
  })

  it("is refused where the room is not for knocking, or of a version without it", async () => {
    await withRoom({ joinRule: "public" }, ({ stage }, roomId) =>
      Effect.gen(function* () {
        expect(yield* refusal(stage.user(bob).knock(roomId, "s1"))).toContain(
          "403 M_FORBIDDEN: rejected by 5.7.1",
        )
      }),
    )
    await withRoom({ roomVersion: "6" }, ({ stage }, roomId) =>
      Effect.gen(function* () {
        expect(yield* refusal(stage.user(bob).knock(roomId, "s1"))).toContain("M_INCOMPATIBLE_ROOM_VERSION")
      }),
    )
  })
})

describe("restricted rooms", () => {
  /** Alice's members' room on s1 lets in whoever is in her lounge. */
  const withLounge = <A, E>(
    roomVersion: string,
    story: (played: Played, rooms: { readonly lounge: string; readonly club: string }) => Effect.Effect<A, E>,
  ) =>
    play({ servers: 3, roomVersion }, (played) =>
      Effect.gen(function* () {
        const alice = played.stage.user("@alice:s1")
        const lounge = yield* alice.createRoom()
        const club = yield* alice.createRoom()
        const allow = [{ type: "m.room_membership", room_id: lounge }]
        yield* alice.setState(club, "m.room.join_rules", { join_rule: "restricted", allow })
        return yield* story(played, { lounge, club })
      }),
    )
  for (const id of ["8", "9", "10", "11", "12"]) {
    it(`room ${id}: a member of the lounge joins, with both servers' signatures, which all servers check`, async () => {
      await withLounge(id, (played, { lounge, club }) =>
        Effect.gen(function* () {
          const { stage } = played
          for (const server of ["s2", "s3"]) {
            yield* stage.user(`@user:${server}`).join(lounge, "s1")
            yield* stage.quiet
            yield* stage.user(`@user:${server}`).join(club, "s1")
            yield* stage.quiet
          }
          for (const server of ["s1", "s2", "s3"]) {
            expect(stateOn(played, server, club)).toEqual(stateOn(played, "s1", club))
            const member = stage.stateOf(server, club, "m.room.member", "@user:s3")
            expect(member?.content).toMatchObject({
              membership: "join",
              join_authorised_via_users_server: "@alice:s1",
            })
            expect(Object.keys(member?.pdu.signatures as object).sort()).toEqual(["s1", "s3"])
          }
        }),
      )
    })
  }

  it("a stranger is refused", async () => {
    await withLounge("11", (played, { club }) =>
      Effect.gen(function* () {
        expect(yield* refusal(played.stage.user("@user:s2").join(club, "s1"))).toContain("M_FORBIDDEN")
      }),
    )
  })

  it("a server that is not in the lounge cannot say, and one whose users may not invite cannot let in", async () => {
    await withLounge("11", (played, { lounge, club }) =>
      Effect.gen(function* () {
        const { stage } = played
        const alice = stage.user("@alice:s1")
        yield* stage.user("@user:s2").join(lounge, "s1")
        yield* stage.quiet
        yield* stage.user("@user:s2").join(club, "s1")
        yield* stage.user("@user:s3").join(lounge, "s1")
        yield* stage.quiet
        yield* alice.setState(club, "m.room.power_levels", { users: { "@alice:s1": 100 }, invite: 50 })
        yield* stage.quiet
        expect(yield* refusal(stage.user("@user:s3").join(club, "s2"))).toContain("M_UNABLE_TO_GRANT_JOIN")
        yield* stage.user("@user:s2").leave(lounge)
        yield* stage.quiet
        expect(yield* refusal(stage.user("@user:s3").join(club, "s2"))).toContain(
          "M_UNABLE_TO_AUTHORISE_JOIN",
        )
        yield* stage.user("@user:s3").join(club, "s1")
      }),
    )
  })
})

describe("the endpoints of old", () => {
  it("an invite goes by v1 to a server that knows no other, in rooms 1 and 2", async () => {
    for (const [roomVersion, outcome] of [
      ["1", "invite"],
      ["2", "invite"],
      ["3", undefined],
    ] as const) {
      await withRoom({ roomVersion }, (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          yield* stage.rule(
            "old server",
            { path: /\/v2\/invite\// },
            reply(404, { errcode: "M_UNRECOGNIZED" }),
          )
          yield* Effect.ignore(stage.user("@alice:s1").invite(roomId, bob))
          expect(membershipOn(played, "s1", roomId)).toBe(outcome)
          expect(standingOf(played, roomId)?.roomState[0]?.type).toBe(outcome && "m.room.create")
        }),
      )
    }
  })

  it("v1 of send_leave and send_join answer in pairs, or not at all where they are switched off", async () => {
    for (const [legacyEndpoints, answered] of [
      [true, [200, {}]],
      [false, "404 M_UNRECOGNIZED: no such endpoint"],
    ] as const) {
      await play({ servers: 2, settings: { legacyEndpoints } }, ({ stage, servers }) =>
        Effect.gen(function* () {
          const roomId = yield* stage.user("@alice:s1").createRoom({ joinRule: "invite" })
          yield* stage.user("@alice:s1").invite(roomId, bob)
          const { client } = servers.get("s2")!
          const made = yield* client.call("s1", (api) =>
            api.rooms.makeLeave({ params: { roomId, userId: bob } }),
          )
          const version = roomVersions[11]!
          const key = servers.get("s2")!.identity.signingKey
          const pdu = signEvent(made.event, version, "s2", key.keyId, (bytes) =>
            nativeSignatures("libsodium").sign(key.seed, bytes),
          )
          const params = { roomId, eventId: eventIdOf(pdu, version)! }
          const send = client.call("s1", (api) => api.rooms.sendLeaveV1({ params, payload: pdu }))
          const got = yield* send.pipe(
            Effect.catchTag("MatrixError", ({ message }) => Effect.succeed(message)),
          )
          expect(JSON.parse(JSON.stringify(got))).toEqual(answered)
          const join = client.call("s1", (api) => api.rooms.sendJoinV1({ params, payload: pdu }))
          expect(yield* refusal(join)).toContain(legacyEndpoints ? "M_INVALID_PARAM" : "M_UNRECOGNIZED")
        }),
      )
    }
  })
})

describe("a restart", () => {
  it("forgets no invite", async () => {
    await play({ servers: 1 }, ({ kernel, network, stage }) =>
      Effect.gen(function* () {
        const disk = new MemoryDisk()
        const parts = {
          kernel,
          network,
          disk,
          settings: {},
          signatures: synchronously(nativeSignatures("libsodium")),
        }
        const roomId = yield* stage.user("@alice:s1").createRoom({ joinRule: "invite" })
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* bootServer("s2", parts)
            yield* stage.user("@alice:s1").invite(roomId, bob)
          }),
        )
        const again = yield* bootServer("s2", parts)
        expect(again.outside.standingOf(bob, roomId)?.membership).toBe("invite")
        yield* again.users.join(bob, roomId, [])
        expect(stage.stateOf("s1", roomId, "m.room.member", bob)?.content.membership).toBe("join")
      }).pipe(Effect.scoped),
    )
  })
})
