/** Being invited by another server. */
import { Context, Effect } from "effect"
import { expect } from "vitest"
import { eventIdOf } from "#spec-impl/core/event-id.ts"
import { JsonFloat, type JsonObject } from "#spec-impl/core/json/value.ts"
import { roomVersion as versionOf } from "#spec-impl/core/room-version.ts"
import { InvitePermission } from "#spec-impl/homeserver/invite-permission.ts"
import { strippedState } from "#spec-impl/homeserver/room-members.ts"
import { craftPdu } from "../testing/craft-event.ts"
import type { Played } from "../testing/play.ts"
import { type Cases, casesOf, path, put } from "./cases.ts"

const bob = "@bob:s2"
const carol = "@carol:s1"
const v1 = "/_matrix/federation/v1"
const v2 = "/_matrix/federation/v2"

/** Bob's room on s2, with Alice of s1, who has the power to write its ACL; Carol of s1 is to be invited. */
const bobsRoom = (roomVersion: string) =>
  Effect.fnUntraced(function* ({ stage, servers }: Played) {
    const users = { "@alice:s1": 100, ...(roomVersion === "12" ? {} : { [bob]: 100 }) }
    const roomId = yield* stage.user(bob).createRoom({ roomVersion, powerLevels: { users } })
    yield* stage.user("@alice:s1").join(roomId, "s2")
    yield* stage.quiet
    const roomState = strippedState(servers.get("s2")!.rooms.find(roomId)!.dag, bob).map(({ pdu }) => pdu)
    return { roomId, room: path(roomId), roomState, version: versionOf(roomVersion)! }
  })

type BobsRoom = Effect.Success<ReturnType<ReturnType<typeof bobsRoom>>>

interface Invited {
  readonly target?: string
  readonly type?: string
  readonly membership?: string
  readonly signer?: string
  readonly alter?: (pdu: JsonObject) => JsonObject
}

/** The invite as `invited` has it, by Bob; signed, with its id. */
const craftInvite = Effect.fnUntraced(function* (scene: BobsRoom, played: Played, invited: Invited) {
  const signed = yield* craftPdu(
    played,
    "s2",
    scene.roomId,
    {
      type: invited.type ?? "m.room.member",
      sender: bob,
      stateKey: invited.target ?? carol,
      content: { membership: invited.membership ?? "invite" },
    },
    undefined,
    invited.signer ?? "s2",
  )
  const pdu = invited.alter?.(signed) ?? signed
  return { pdu, target: `${scene.room}/${path(eventIdOf(pdu, scene.version)!)}` }
})

/** How an invite stands in the body of v1, and of v2 of the endpoint. */
const bodies = {
  v1: ({ roomState }: BobsRoom, pdu: JsonObject) => ({ ...pdu, unsigned: { invite_room_state: roomState } }),
  v2: ({ roomState, version }: BobsRoom, pdu: JsonObject) => ({
    room_version: version.id,
    event: pdu,
    invite_room_state: roomState,
  }),
}

const invite = (of: "v1" | "v2", invited: Invited = {}) =>
  Effect.fnUntraced(function* (scene: BobsRoom, played: Played) {
    const { pdu, target } = yield* craftInvite(scene, played, invited)
    return put(`/_matrix/federation/${of}/invite/${target}`, bodies[of](scene, pdu))
  })

/** The five things that make an invite unfit, and an id that is not its own. */
const unfit = (of: "v1" | "v2") =>
  Effect.fnUntraced(function* (scene: BobsRoom, played: Played) {
    const wrong: readonly Invited[] = [
      { signer: "s3" },
      { type: "m.room.name" },
      { membership: "join" },
      { target: "@carol:s3" },
    ]
    const asks = yield* Effect.forEach(wrong, (invited) => invite(of, invited)(scene, played))
    const fine = yield* invite(of)(scene, played)
    return [
      ...asks,
      { ...fine, from: "s3" },
      { ...fine, target: `/_matrix/federation/${of}/invite/${scene.room}/${path("$another")}` },
    ]
  })

const common = (of: "v1" | "v2"): Cases<BobsRoom> => ({
  succeeds: invite(of),
  answers: () => ({ event: { signatures: { s1: expect.any(Object), s2: expect.any(Object) } } }),
  roomOf: ({ roomId }) => roomId,
  refuses: {
    "400 M_INVALID_PARAM": unfit(of),
    // By the room's ACL: nothing else forbids an invite.
    "403 M_FORBIDDEN": Effect.fnUntraced(function* (scene, played) {
      yield* played.stage.user("@alice:s1").setState(scene.roomId, "m.room.server_acl", { allow: ["s1"] })
      return yield* invite(of)(scene, played)
    }),
    "403 M_INVITE_BLOCKED": Effect.fnUntraced(function* (scene, played) {
      const permission = Context.get(played.servers.get("s1")!.services, InvitePermission)
      yield* permission.configure(carol, { default_action: "block" })
      return yield* invite(of)(scene, played)
    }),
  },
})

const ofV1 = common("v1")
const ofV2 = common("v2")

export const inviteCases = [
  ...casesOf(bobsRoom("2"), {
    [`PUT ${v1}/invite/{roomId}/{eventId}`]: {
      ...ofV1,
      answers: (scene) => [200, ofV1.answers(scene)],
      refuses: {
        ...ofV1.refuses,
        "400 M_INCOMPATIBLE_ROOM_VERSION": {
          options: {
            settingsOf: (server) => (server === "s1" ? { roomVersions: [versionOf("2")!] } : {}),
          },
          asks: ofV1.succeeds,
        },
      },
    },
  }),
  ...casesOf(bobsRoom("12"), {
    [`PUT ${v2}/invite/{roomId}/{eventId}`]: {
      ...ofV2,
      refuses: {
        ...ofV2.refuses,
        "400 M_BAD_JSON": invite("v2", {
          alter: (pdu) => ({ ...pdu, content: { membership: "invite", odd: new JsonFloat(0.5) } }),
        }),
        "400 M_INCOMPATIBLE_ROOM_VERSION": (scene, played) =>
          Effect.map(invite("v2")(scene, played), (ask) => ({
            ...ask,
            body: { ...(ask.body as JsonObject), room_version: "org.example.13" },
          })),
      },
    },
  }),
]
