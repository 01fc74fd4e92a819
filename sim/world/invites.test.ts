/** Being invited: what makes an invite unfit, who does not want to be invited, and what its user is told. */
import { Context, Effect } from "effect"
import { describe, expect, it } from "vitest"
import { eventIdOf } from "#spec-impl/core/event-id.ts"
import type { JsonObject, JsonValue } from "#spec-impl/core/json/value.ts"
import { readingsDefault } from "#spec-impl/core/readings.ts"
import { roomVersions, roomVersion as versionOf } from "#spec-impl/core/room-version.ts"
import { InvitePermission } from "#spec-impl/homeserver/invite-permission.ts"
import { strippedState } from "#spec-impl/homeserver/room-members.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import { synchronously } from "#spec-impl/homeserver/signatures/noble.ts"
import { MemoryDisk } from "#spec-impl/store/memory.ts"
import { reply } from "../network/rules.ts"
import { craftPdu } from "./testing/craft-event.ts"
import { alterAnswer } from "./testing/handshake.ts"
import { type Played, type PlayOptions, play, refusal } from "./testing/play.ts"
import { sendRaw, wrongSignatures } from "./testing/raw-request.ts"
import { bootServer } from "./world.ts"

const alice = "@alice:s1"
const bob = "@bob:s2"

/** Alice's room on s1, for which Bob of s2 is to be invited. */
const withRoom = <A, E>(options: PlayOptions, story: (played: Played, scene: Scene) => Effect.Effect<A, E>) =>
  play({ servers: 3, ...options }, (played) =>
    Effect.gen(function* () {
      const roomId = yield* played.stage.user(alice).createRoom({ joinRule: "invite" })
      const { dag } = played.servers.get("s1")!.rooms.find(roomId)!
      const roomState = strippedState(dag, alice).map(({ pdu }) => pdu)
      return yield* story(played, { roomId, version: options.roomVersion ?? "12", roomState })
    }),
  )

interface Scene {
  readonly roomId: string
  readonly version: string
  readonly roomState: readonly JsonObject[]
}

/** What is otherwise about an invite. */
interface Oddities {
  readonly target?: string
  readonly type?: string
  readonly membership?: string
  readonly alter?: (pdu: JsonObject) => JsonObject
  readonly eventId?: string
  readonly from?: string
  readonly roomVersion?: string
  readonly roomState?: JsonValue
}

/** Sends an invite to s2 by `v1` or `v2` of the endpoint; gives the answer, whatever it is. */
const sendInvite = Effect.fnUntraced(function* (
  played: Played,
  scene: Scene,
  endpoint: "v1" | "v2",
  odd: Oddities = {},
) {
  const crafted = yield* craftPdu(played, "s1", scene.roomId, {
    type: odd.type ?? "m.room.member",
    sender: alice,
    stateKey: odd.target ?? bob,
    content: { membership: odd.membership ?? "invite" },
  })
  const event = odd.alter?.(crafted) ?? crafted
  const eventId = odd.eventId ?? eventIdOf(event, versionOf(scene.version)!)!
  const roomState = odd.roomState === undefined ? scene.roomState : odd.roomState
  const state = roomState === null ? {} : { invite_room_state: roomState }
  return yield* sendRaw(played, {
    from: odd.from ?? "s1",
    to: "s2",
    method: "PUT",
    target: `/_matrix/federation/${endpoint}/invite/${encodeURIComponent(scene.roomId)}/${encodeURIComponent(eventId)}`,
    body:
      endpoint === "v1"
        ? { ...event, unsigned: state }
        : { room_version: odd.roomVersion ?? scene.version, event, ...state },
  })
})

const withWrongSignature = (pdu: JsonObject): JsonObject => {
  const [keyId] = Object.keys((pdu.signatures as JsonObject).s1 as JsonObject)
  return { ...pdu, signatures: { s1: { [keyId!]: "A".repeat(86) } } }
}

for (const [endpoint, roomVersion] of [
  ["v1", "1"],
  ["v2", "2"],
  ["v2", "6"],
  ["v2", "11"],
  ["v2", "12"],
] as const) {
  describe(`PUT ${endpoint} of invite, room ${roomVersion}`, () => {
    it("gives the event back with a signature more, and nothing else touched", async () => {
      await withRoom({ roomVersion }, (played, scene) =>
        Effect.gen(function* () {
          const { status, body } = yield* sendInvite(played, scene, endpoint)
          expect(status).toBe(200)
          const answered = endpoint === "v1" ? undefined : (body.event as JsonObject)
          const { pdu } = played.servers.get("s2")!.outside.standingOf(bob, scene.roomId)!
          expect(Object.keys(pdu.signatures as JsonObject).sort()).toEqual(["s1", "s2"])
          if (answered !== undefined) expect(answered).toEqual(pdu)
          expect(pdu).not.toHaveProperty("unsigned")
        }),
      )
    })

    const unfit: Readonly<Record<string, Oddities>> = {
      "a wrong signature": { alter: withWrongSignature },
      "no signature": { alter: (pdu) => ({ ...pdu, signatures: {} }) },
      "another type": { type: "m.room.name" },
      "another membership": { membership: "join" },
      "a sender of another server": { from: "s3" },
      "a target of another server": { target: "@dan:s3" },
      "no target": { alter: ({ state_key: _, ...pdu }) => pdu },
      "another event id": { eventId: "$another" },
    }
    for (const [what, odd] of Object.entries(unfit)) {
      it(`refuses ${what} with 400 M_INVALID_PARAM`, async () => {
        await withRoom({ roomVersion }, (played, scene) =>
          Effect.gen(function* () {
            const answer = yield* sendInvite(played, scene, endpoint, odd)
            expect([answer.status, answer.errcode]).toEqual([400, "M_INVALID_PARAM"])
            expect(played.servers.get("s2")!.outside.ofUser(bob)).toEqual([])
          }),
        )
      })
    }

    it("is refused where the user does not want to be invited, or this server lets nobody be", async () => {
      const settingsOf = (server: string) => (server === "s2" ? { acceptsInvites: false } : {})
      await withRoom({ roomVersion, settingsOf }, (played, scene) =>
        Effect.gen(function* () {
          const answer = yield* sendInvite(played, scene, endpoint)
          expect([answer.status, answer.errcode]).toEqual([403, "M_FORBIDDEN"])
        }),
      )
      await withRoom({ roomVersion }, (played, scene) =>
        Effect.gen(function* () {
          const permission = Context.get(played.servers.get("s2")!.services, InvitePermission)
          yield* permission.configure(bob, { default_action: "block" })
          const answer = yield* sendInvite(played, scene, endpoint)
          expect([answer.status, answer.errcode]).toEqual([403, "M_INVITE_BLOCKED"])
          expect(played.servers.get("s2")!.outside.ofUser(bob)).toEqual([])
          yield* permission.configure(bob, {})
          expect((yield* sendInvite(played, scene, endpoint)).status).toBe(200)
        }),
      )
    })
  })
}

describe("the room's version", () => {
  it("that is not known is answered with 400, and named", async () => {
    await withRoom({}, (played, scene) =>
      Effect.gen(function* () {
        const { status, body } = yield* sendInvite(played, scene, "v2", { roomVersion: "org.example.13" })
        expect([status, body]).toMatchObject([
          400,
          { errcode: "M_INCOMPATIBLE_ROOM_VERSION", room_version: "org.example.13" },
        ])
      }),
    )
    const settingsOf = (server: string) => (server === "s2" ? { roomVersions: roomVersions.slice(2) } : {})
    await withRoom({ roomVersion: "1", settingsOf }, (played, scene) =>
      Effect.gen(function* () {
        const { errcode } = yield* sendInvite(played, scene, "v1")
        expect(errcode).toBe("M_INCOMPATIBLE_ROOM_VERSION")
      }),
    )
  })

  it("must be that of the room that the server knows", async () => {
    await withRoom({ roomVersion: "9" }, (played, scene) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user(alice).invite(scene.roomId, bob)
        yield* stage.user(bob).join(scene.roomId)
        yield* stage.quiet
        const odd = { roomVersion: "10", target: "@ben:s2" }
        expect((yield* sendInvite(played, scene, "v2", odd)).errcode).toBe("M_INVALID_PARAM")
      }),
    )
  })
})

describe("invite_room_state", () => {
  const odd: Readonly<Record<string, (scene: Scene, other: JsonObject) => JsonValue>> = {
    "without the create event": ({ roomState }) => roomState.filter(({ type }) => type !== "m.room.create"),
    "with stripped state of old": ({ roomState: [create, ...others] }) => [
      create!,
      ...others.map(({ type, sender, state_key, content }) => ({
        type: type!,
        sender: sender!,
        state_key: state_key!,
        content: content!,
      })),
    ],
    "with a wrong signature": ({ roomState: [create, ...others] }) => [
      create!,
      ...others.map(withWrongSignature),
    ],
    "with an event of another room": ({ roomState }, other) => [...roomState, other],
  }
  const otherRoom = Effect.fnUntraced(function* ({ stage, servers }: Played) {
    const roomId = yield* stage.user(alice).createRoom()
    const { dag } = servers.get("s1")!.rooms.find(roomId)!
    return dag.eventIn(dag.currentState(), "m.room.join_rules", "")!.pdu
  })
  const checked = { readings: { ...readingsDefault, inviteRoomState: "checked" as const } }

  for (const [what, roomState] of Object.entries(odd)) {
    it(`${what}: refused in room 12, in older ones a matter of reading`, async () => {
      for (const [roomVersion, settings, expected] of [
        ["12", {}, "M_INVALID_PARAM"],
        ["11", {}, undefined],
        ["11", checked, "M_INVALID_PARAM"],
        ["1", checked, "M_INVALID_PARAM"],
      ] as const) {
        await withRoom({ roomVersion, settings }, (played, scene) =>
          Effect.gen(function* () {
            const told = roomState(scene, yield* otherRoom(played))
            const answer = yield* sendInvite(played, scene, "v2", { roomState: told })
            expect([roomVersion, answer.errcode]).toEqual([roomVersion, expected])
          }),
        )
      }
    })
  }

  it("that is not there at all is a missing parameter in room 12, and nothing in older ones", async () => {
    for (const [roomVersion, expected] of [
      ["12", [400, "M_MISSING_PARAM"]],
      ["11", [200, undefined]],
    ] as const) {
      await withRoom({ roomVersion }, (played, scene) =>
        Effect.gen(function* () {
          const { status, errcode } = yield* sendInvite(played, scene, "v2", { roomState: null })
          expect([status, errcode]).toEqual(expected)
        }),
      )
    }
  })

  it("is full events, the create event first; what others say in `unsigned` of them is not kept", async () => {
    for (const { id } of roomVersions) {
      await withRoom({ roomVersion: id }, (played, scene) =>
        Effect.gen(function* () {
          const gossip = { unsigned: { age: 7, prev_content: { name: "gossip" } } }
          const roomState = scene.roomState.map((pdu) => ({ ...pdu, ...gossip }))
          yield* sendInvite(played, scene, "v2", { roomState })
          const kept = played.servers.get("s2")!.outside.standingOf(bob, scene.roomId)!.roomState
          expect(kept).toEqual(scene.roomState)
          expect(kept[0]).toMatchObject({ type: "m.room.create", hashes: {}, signatures: {} })
        }),
      )
    }
  })
})

describe("a user who blocks invites", () => {
  it("is not invited by others of its own server either, nor by m.room.member as state", async () => {
    await withRoom({}, ({ stage, servers }, { roomId }) =>
      Effect.gen(function* () {
        const permission = Context.get(servers.get("s1")!.services, InvitePermission)
        yield* permission.configure("@carol:s1", { default_action: "block" })
        const { users } = servers.get("s1")!
        const asState = users.setState(alice, roomId, "m.room.member", "@carol:s1", { membership: "invite" })
        for (const act of [stage.user(alice).invite(roomId, "@carol:s1"), asState]) {
          expect(yield* refusal(act)).toContain("403 M_INVITE_BLOCKED")
        }
        expect(yield* refusal(permission.configure(bob, {}))).toContain("403 M_FORBIDDEN")
      }),
    )
  })

  it("still does after a restart", async () => {
    await play({ servers: 1 }, ({ kernel, network, stage }) =>
      Effect.gen(function* () {
        const disk = new MemoryDisk()
        const signatures = synchronously(nativeSignatures("libsodium"))
        const parts = { kernel, network, disk, settings: {}, signatures }
        const roomId = yield* stage.user(alice).createRoom()
        yield* Effect.scoped(
          Effect.gen(function* () {
            const { services } = yield* bootServer("s2", parts)
            yield* Context.get(services, InvitePermission).configure(bob, { default_action: "block" })
          }),
        )
        yield* bootServer("s2", parts)
        expect(yield* refusal(stage.user(alice).invite(roomId, bob))).toContain("403 M_INVITE_BLOCKED")
      }).pipe(Effect.scoped),
    )
  })
})

describe("what a user is told", () => {
  it("of a remote refusal is what the other server said, but for malformed requests, which are not the user's", async () => {
    for (const [status, errcode, told] of [
      [400, "M_INVALID_PARAM", "502 M_UNKNOWN"],
      [400, "M_MISSING_PARAM", "502 M_UNKNOWN"],
      [400, "M_INCOMPATIBLE_ROOM_VERSION", "400 M_INCOMPATIBLE_ROOM_VERSION"],
      [403, "M_FORBIDDEN", "403 M_FORBIDDEN"],
      [403, "M_INVITE_BLOCKED", "403 M_INVITE_BLOCKED"],
    ] as const) {
      await withRoom({}, ({ stage }, { roomId }) =>
        Effect.gen(function* () {
          yield* stage.rule("refuses", { path: /\/(invite|send_join)\// }, reply(status, { errcode }))
          expect(yield* refusal(stage.user(alice).invite(roomId, bob))).toContain(told)
          yield* stage.user(alice).setState(roomId, "m.room.join_rules", { join_rule: "public" })
          expect(yield* refusal(stage.user(bob).join(roomId, "s1"))).toContain(told)
        }),
      )
    }
  })
})

describe("the answer to an invite", () => {
  for (const roomVersion of ["2", "11", "12"]) {
    it(`gives its signature, and nothing else that is taken for this server's own, room ${roomVersion}`, () =>
      withRoom({ roomVersion }, ({ servers, stage }, { roomId }) =>
        Effect.gen(function* () {
          const altered = alterAnswer((body) => {
            const event = body.event as JsonObject
            const content = { membership: "invite", reason: "spam" }
            const signatures = { ...(event.signatures as JsonObject), s1: {}, s3: { "ed25519:1": "AAAA" } }
            return { ...body, event: { ...event, content, signatures, unsigned: { age: 1 } } }
          })
          yield* stage.rule("altered", { path: /\/invite\// }, altered)
          const content = { membership: "invite", reason: "come in" }
          const event = yield* servers.get("s1")!.users.setState(alice, roomId, "m.room.member", bob, content)
          expect(event.content).toEqual(content)
          expect(event.pdu).not.toHaveProperty("unsigned")
          const signatures = event.pdu.signatures as Record<string, JsonObject>
          expect(Object.keys(signatures).sort()).toEqual(["s1", "s2"])
          expect(Object.keys(signatures.s1!)).toHaveLength(1)
        }),
      ))
  }
})

describe("m.room.member as state", () => {
  it("with an invite in it goes to the user's server like any other invite", async () => {
    await withRoom({}, ({ servers }, { roomId }) =>
      Effect.gen(function* () {
        const content = { membership: "invite", reason: "come in" }
        const event = yield* servers.get("s1")!.users.setState(alice, roomId, "m.room.member", bob, content)
        expect(Object.keys(event.pdu.signatures as JsonObject).sort()).toEqual(["s1", "s2"])
        expect(servers.get("s2")!.outside.standingOf(bob, roomId)!.pdu.content).toEqual(content)
      }),
    )
  })
})

describe("the handshakes' endpoints", () => {
  it("want a signature of the server that asks, for this one", async () => {
    await withRoom({}, (played, { roomId, roomState }) =>
      Effect.gen(function* () {
        const room = encodeURIComponent(roomId)
        const body = { room_version: "12", event: roomState[0]!, invite_room_state: [] }
        for (const [method, path, content] of [
          ["PUT", `v1/invite/${room}/$a`, roomState[0]!],
          ["PUT", `v2/invite/${room}/$a`, body],
          ["GET", `v1/make_leave/${room}/${bob}`, undefined],
          ["PUT", `v1/send_leave/${room}/$a`, roomState[0]!],
          ["PUT", `v2/send_leave/${room}/$a`, roomState[0]!],
          ["GET", `v1/make_knock/${room}/${bob}?ver=12`, undefined],
          ["PUT", `v1/send_knock/${room}/$a`, roomState[0]!],
        ] as const) {
          for (const wrong of Object.values(wrongSignatures)) {
            const target = `/_matrix/federation/${path}`
            const request = { from: "s2", to: "s1", method, target, ...wrong }
            const { status, errcode } = yield* sendRaw(
              played,
              content === undefined ? request : { ...request, body: content },
            )
            expect([path, status, errcode]).toEqual([path, 401, "M_UNAUTHORIZED"])
          }
        }
      }),
    )
  })
})

describe("what strangers can fill", () => {
  it("a room tells no more than a hundred events of itself, and an invite too many is forbidden", () =>
    withRoom({ roomVersion: "12" }, (played, scene) =>
      Effect.gen(function* () {
        const many = Array.from({ length: 101 }, () => scene.roomState[0]!)
        const told = yield* sendInvite(played, scene, "v2", { roomState: many })
        expect([told.status, told.errcode]).toEqual([400, "M_INVALID_PARAM"])
        const { outside } = played.servers.get("s2")!
        for (let nth = 0; nth < 500; nth++) {
          const standing = {
            membership: "invite",
            roomVersion: "12",
            pdu: {},
            roomState: [],
            via: "s1",
          } as const
          yield* outside.stand("@other:s2", `!${nth}:s1`, standing)
        }
        const refused = yield* sendInvite(played, scene, "v2")
        expect([refused.status, refused.errcode]).toEqual([403, "M_FORBIDDEN"])
        yield* outside.end("@other:s2", "!0:s1")
        expect((yield* sendInvite(played, scene, "v2")).status).toBe(200)
        // The same once more takes no other place.
        expect((yield* sendInvite(played, scene, "v2")).status).toBe(200)
      }),
    ))
})
