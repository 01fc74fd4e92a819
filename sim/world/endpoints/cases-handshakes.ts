/** Joining, knocking and leaving by way of a server that is in the room. */
import { Effect } from "effect"
import { expect } from "vitest"
import { eventIdOf } from "#spec-impl/core/event-id.ts"
import { JsonFloat, type JsonObject } from "#spec-impl/core/json/value.ts"
import { roomVersion } from "#spec-impl/core/room-version.ts"
import type { RoomWishes } from "#spec-impl/homeserver/local-users.ts"
import { craftPdu } from "../testing/craft-event.ts"
import type { Played } from "../testing/play.ts"
import { type Ask, type Cases, casesOf, get, path, put } from "./cases.ts"

const bob = "@bob:s2"
const carol = "@carol:s3"
const v1 = "/_matrix/federation/v1"
const v2 = "/_matrix/federation/v2"

type Membership = "join" | "knock" | "leave"

interface Outside {
  readonly roomId: string
  readonly room: string
}

/** Alice's room on s1, of which s2 knows nothing. */
const room = (played: Played, wishes: RoomWishes) =>
  Effect.map(played.stage.user("@alice:s1").createRoom(wishes), (roomId) => ({ roomId, room: path(roomId) }))

const named = { type: "m.room.name", stateKey: "", content: { name: "the room" } }
const openRoom = (played: Played) => room(played, { initialState: [named] })
const knockRoom = (played: Played) => room(played, { joinRule: "knock" })
/** Bob is invited, and so can leave. */
const invitingRoom = Effect.fnUntraced(function* (played: Played) {
  const scene = yield* room(played, { joinRule: "invite" })
  yield* played.stage.user("@alice:s1").invite(scene.roomId, bob)
  return scene
})
/** Members of `lounge` may join; `levels` says who may let them in. */
const restrictedRoom = (played: Played, lounge: string, levels: JsonObject) =>
  room(played, {
    roomVersion: "11",
    powerLevels: { users: { "@alice:s1": 100 }, ...levels },
    initialState: [
      {
        type: "m.room.join_rules",
        stateKey: "",
        content: { join_rule: "restricted", allow: [{ type: "m.room_membership", room_id: lounge }] },
      },
    ],
  })
/** s1 knows nothing of the lounge: it cannot say who is in it. */
const unknownLounge = (played: Played) => restrictedRoom(played, "!unknown:s3", {})
/** Bob is in the lounge, but nobody of s1 may let him in. */
const powerlessRoom = Effect.fnUntraced(function* (played: Played) {
  const lounge = yield* played.stage.user("@alice:s1").createRoom()
  yield* played.stage.user(bob).join(lounge, "s1")
  return yield* restrictedRoom(played, lounge, { invite: 101 })
})

interface Sent {
  readonly membership: Membership
  readonly sender?: string
  readonly target?: string
  readonly type?: string
  readonly signer?: string
  readonly content?: JsonObject
  readonly version?: string
  readonly alter?: (pdu: JsonObject) => JsonObject
}

/** `send_…` of a membership event as `sent` has it, with the id that it has. */
const send = (to: string, sent: Sent) =>
  Effect.fnUntraced(function* ({ roomId, room }: Outside, played: Played) {
    const sender = sent.sender ?? bob
    const signed = yield* craftPdu(
      played,
      "s1",
      roomId,
      {
        type: sent.type ?? "m.room.member",
        sender,
        stateKey: sent.target ?? sender,
        content: { membership: sent.membership, ...sent.content },
      },
      undefined,
      sent.signer ?? "s2",
    )
    const pdu = sent.alter?.(signed) ?? signed
    const eventId = eventIdOf(pdu, roomVersion(sent.version ?? "12")!)!
    return put(`${to}/${room}/${path(eventId)}`, pdu)
  })

type Send = ReturnType<typeof send>

/** §send_join and its kin: the five things that make an event unfit, and an id that is not its own. */
const unfit = (to: string, membership: Membership) =>
  Effect.fnUntraced(function* (scene: Outside, played: Played) {
    const wrong: readonly Send[] = [
      send(to, { membership, signer: "s3" }),
      send(to, { membership, type: "m.room.name" }),
      send(to, { membership: membership === "join" ? "knock" : "join" }),
      send(to, { membership, sender: carol, signer: "s3" }),
      send(to, { membership, target: "@brian:s2" }),
    ]
    const asks = yield* Effect.forEach(wrong, (ask) => ask(scene, played))
    const fine = yield* send(to, { membership })(scene, played)
    return [...asks, { ...fine, target: `${to}/${scene.room}/${path("$another")}` }]
  })

/** §Canonical JSON in rooms 6 and later: a float is none. */
const notCanonical = (to: string, membership: Membership) =>
  send(to, {
    membership,
    alter: (pdu) => ({ ...pdu, content: { membership, odd: new JsonFloat(0.5) } }),
  })

const elsewhere = (to: string, membership: Membership) => (scene: Outside, played: Played) =>
  Effect.map(send(to, { membership })(scene, played), (ask) => ({
    ...ask,
    target: ask.target.replace(scene.room, path("!unknown:s1")),
  }))

const roomOf = ({ roomId }: Outside) => roomId
const template = (membership: Membership) => () => ({
  room_version: "12",
  event: { type: "m.room.member", sender: bob, state_key: bob, content: { membership } },
})
const makeJoin = ({ room }: Outside) => get(`make_join/${room}/${path(bob)}?ver=11&ver=12`)
const byAlice = { join_authorised_via_users_server: "@alice:s1" }

/** Asks about another room than the scene's. */
const inAnother =
  (
    setRoom: (played: Played) => Effect.Effect<Outside, unknown>,
    ask: (scene: Outside, played: Played) => Ask | Effect.Effect<Ask, unknown>,
  ) =>
  (_: Outside, played: Played) =>
    Effect.flatMap(setRoom(played), (scene) => {
      const asked = ask(scene, played)
      return Effect.isEffect(asked) ? (asked as Effect.Effect<Ask, unknown>) : Effect.succeed(asked)
    })

const sendJoin = (to: string): Cases<Outside> => ({
  succeeds: send(to, { membership: "join" }),
  answers: () => ({
    state: expect.arrayContaining([expect.objectContaining({ type: "m.room.member" })]),
    auth_chain: expect.any(Array),
    event: expect.objectContaining({ sender: bob }),
    members_omitted: false,
    servers_in_room: ["s1"],
  }),
  roomOf,
  refuses: {
    "400 M_INVALID_PARAM": unfit(to, "join"),
    "400 M_BAD_JSON": notCanonical(to, "join"),
    "400 M_UNABLE_TO_AUTHORISE_JOIN": inAnother(
      unknownLounge,
      send(to, { membership: "join", content: byAlice, version: "11" }),
    ),
    "400 M_UNABLE_TO_GRANT_JOIN": inAnother(
      powerlessRoom,
      send(to, { membership: "join", content: byAlice, version: "11" }),
    ),
    "403 M_FORBIDDEN": inAnother(
      (played) => room(played, { joinRule: "invite" }),
      send(to, { membership: "join" }),
    ),
    "404 M_NOT_FOUND": elsewhere(to, "join"),
  },
})

const sendLeave = (to: string): Cases<Outside> => ({
  succeeds: send(to, { membership: "leave" }),
  answers: () => ({}),
  roomOf,
  refuses: {
    "400 M_INVALID_PARAM": unfit(to, "leave"),
    "400 M_BAD_JSON": notCanonical(to, "leave"),
    "403 M_FORBIDDEN": inAnother((played) => room(played, {}), send(to, { membership: "leave" })),
    "404 M_NOT_FOUND": elsewhere(to, "leave"),
  },
})

const joinOmitting = (omitMembers: string) => (scene: Outside, played: Played) =>
  Effect.map(send(`${v2}/send_join`, { membership: "join" })(scene, played), (ask) => ({
    ...ask,
    target: `${ask.target}?omit_members=${omitMembers}`,
  }))

/** §send_join, omit_members: all members are left out, since the room has a name. */
const sendJoinOmitting = ({ answers, refuses, ...cases }: Cases<Outside>): Cases<Outside> => ({
  ...cases,
  succeeds: joinOmitting("true"),
  answers: (scene) => ({
    ...(answers(scene) as object),
    state: expect.not.arrayContaining([expect.objectContaining({ type: "m.room.member" })]),
    members_omitted: true,
    servers_in_room: ["s1"],
  }),
  refuses: {
    ...refuses,
    "400 M_INVALID_PARAM": Effect.fnUntraced(function* (scene, played) {
      const asks = yield* unfit(`${v2}/send_join`, "join")(scene, played)
      return [...asks, yield* joinOmitting("perhaps")(scene, played)]
    }),
  },
})

/** The same of an endpoint of old, whose answers come in pairs with the status. */
const inPairs = ({ refuses, answers, ...cases }: Cases<Outside>): Cases<Outside> => ({
  ...cases,
  answers: (scene) => [200, answers(scene)],
  refuses: {
    ...refuses,
    "404 M_UNRECOGNIZED": { options: { settings: { legacyEndpoints: false } }, asks: cases.succeeds },
  },
})

export const joinCases = casesOf(openRoom, {
  [`GET ${v1}/make_join/{roomId}/{userId}`]: {
    succeeds: makeJoin,
    answers: template("join"),
    roomOf,
    refuses: {
      "400 M_INCOMPATIBLE_ROOM_VERSION": ({ room }) => [
        get(`make_join/${room}/${path(bob)}?ver=1&ver=11`),
        get(`make_join/${room}/${path(bob)}`),
      ],
      "400 M_UNABLE_TO_AUTHORISE_JOIN": inAnother(unknownLounge, makeJoin),
      "400 M_UNABLE_TO_GRANT_JOIN": inAnother(powerlessRoom, makeJoin),
      "403 M_FORBIDDEN": (scene, played) =>
        Effect.map(room(played, { joinRule: "invite" }), (closed) => [
          makeJoin(closed),
          { ...makeJoin(scene), from: "s3" },
          get(`make_join/${scene.room}/nobody?ver=12`),
        ]),
      "404 M_NOT_FOUND": (scene, { stage }) =>
        Effect.as(stage.user("@alice:s1").leave(scene.roomId), [
          makeJoin(scene),
          makeJoin({ roomId: "", room: path("!unknown:s1") }),
        ]),
    },
  },
  [`PUT ${v2}/send_join/{roomId}/{eventId}`]: sendJoinOmitting(sendJoin(`${v2}/send_join`)),
  [`PUT ${v1}/send_join/{roomId}/{eventId}`]: inPairs(sendJoin(`${v1}/send_join`)),
})

const makeKnock = ({ room }: Outside) => get(`make_knock/${room}/${path(bob)}?ver=12`)

export const knockCases = casesOf(knockRoom, {
  [`GET ${v1}/make_knock/{roomId}/{userId}`]: {
    succeeds: makeKnock,
    answers: template("knock"),
    roomOf,
    refuses: {
      "400 M_INCOMPATIBLE_ROOM_VERSION": ({ room }) => get(`make_knock/${room}/${path(bob)}?ver=7`),
      "400 M_MISSING_PARAM": ({ room }) => get(`make_knock/${room}/${path(bob)}`),
      "403 M_FORBIDDEN": (scene, played) =>
        Effect.map(openRoom(played), (open) => [makeKnock(open), { ...makeKnock(scene), from: "s3" }]),
      "404 M_NOT_FOUND": () => makeKnock({ roomId: "", room: path("!unknown:s1") }),
    },
  },
  [`PUT ${v1}/send_knock/{roomId}/{eventId}`]: {
    succeeds: send(`${v1}/send_knock`, { membership: "knock" }),
    answers: () => ({
      knock_room_state: expect.arrayContaining([expect.objectContaining({ type: "m.room.create" })]),
    }),
    roomOf,
    refuses: {
      "400 M_INVALID_PARAM": unfit(`${v1}/send_knock`, "knock"),
      "400 M_BAD_JSON": notCanonical(`${v1}/send_knock`, "knock"),
      "403 M_FORBIDDEN": inAnother(openRoom, send(`${v1}/send_knock`, { membership: "knock" })),
      "404 M_NOT_FOUND": elsewhere(`${v1}/send_knock`, "knock"),
    },
  },
})

const makeLeave = ({ room }: Outside, userId = bob) => get(`make_leave/${room}/${path(userId)}`)

export const leaveCases = casesOf(invitingRoom, {
  [`GET ${v1}/make_leave/{roomId}/{userId}`]: {
    succeeds: (scene) => makeLeave(scene),
    answers: template("leave"),
    roomOf,
    refuses: {
      "403 M_FORBIDDEN": (scene) => [makeLeave(scene, "@brian:s2"), { ...makeLeave(scene), from: "s3" }],
      "404 M_NOT_FOUND": () => makeLeave({ roomId: "", room: path("!unknown:s1") }),
    },
  },
  [`PUT ${v2}/send_leave/{roomId}/{eventId}`]: sendLeave(`${v2}/send_leave`),
  [`PUT ${v1}/send_leave/{roomId}/{eventId}`]: inPairs(sendLeave(`${v1}/send_leave`)),
})
