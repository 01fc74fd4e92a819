/** For tests: cases of the rules on m.room.member. */
import type { JsonObject } from "../../json/value.ts"
import type { RoomVersion } from "../../room-version.ts"
import { allows, type Case, rejects } from "./case.ts"
import { numbersOf } from "./numbers.ts"
import {
  alice,
  banned,
  bob,
  carol,
  createId,
  type Details,
  eve,
  eventIn,
  invited,
  knocking,
  levelsOf,
  stranger,
  type TestRoom,
  testRoom,
  withState,
} from "./room.ts"

const member = (
  version: RoomVersion,
  sender: string,
  target: string,
  content: JsonObject,
  details: Details = {},
) => eventIn(version, "m.room.member", sender, content, { stateKey: target, ...details })

const withRule = (room: TestRoom, joinRule: string): TestRoom =>
  withState(room, "m.room.join_rules", "", { join_rule: joinRule })

export const memberCases = (version: RoomVersion): readonly Case[] => {
  const n = numbersOf(version)
  const room = testRoom(version)
  const say = (sender: string, target: string, membership: string, more: JsonObject = {}) =>
    member(version, sender, target, { membership, ...more })
  const join = (user: string, more: JsonObject = {}) => say(user, user, "join", more)
  return [
    ...rejects(
      `${n.member}.1`,
      room,
      eventIn(version, "m.room.member", stranger, { membership: "join" }),
      join(stranger),
    ),
    ...rejects(`${n.member}.1`, room, member(version, stranger, stranger, {}), join(stranger)),
    ...joinCases(version, room, join, say),
    ...inviteCases(version, room, say),
    ...leaveAndBanCases(version, room, say),
    ...(n.knock === undefined ? [] : knockCases(version, n.knock, room, say)),
    ...rejects(n.unknownMembership, room, say(bob, stranger, "visit"), say(bob, stranger, "invite")),
    ...(version.auth.knock
      ? []
      : rejects(
          n.unknownMembership,
          room,
          say(stranger, stranger, "knock"),
          say(stranger, stranger, "join"),
        )),
    ...rejects(n.unknownMembership, room, member(version, carol, carol, { membership: 5 }), join(carol)),
  ]
}

type Say = (
  sender: string,
  target: string,
  membership: string,
  more?: JsonObject,
) => ReturnType<typeof member>
type Join = (user: string, more?: JsonObject) => ReturnType<typeof member>

const joinCases = (version: RoomVersion, room: TestRoom, join: Join, say: Say): readonly Case[] => {
  const n = numbersOf(version).join
  const fresh: TestRoom = { version, state: new Map([...room.state].slice(0, 1)) }
  const first = (user: string, prevEvents: readonly string[]) =>
    member(version, user, user, { membership: "join" }, { prevEvents })
  const last = version.auth.restricted ? 7 : 6
  const publicAt = version.auth.restricted ? 6 : 5
  const inviteOnly = withRule(room, "invite")
  return [
    ...allows(`${n}.1`, fresh, first(alice, [createId]), first(alice, [createId, "$other"])),
    ...allows(`${n}.1`, fresh, first(alice, [createId]), first(bob, [createId])),
    ...rejects(`${n}.2`, room, say(bob, stranger, "join"), join(stranger)),
    ...rejects(`${n}.3`, room, join(banned), join(stranger)),
    ...allows(`${n}.4`, inviteOnly, join(invited), join(stranger)),
    ...allows(`${n}.4`, inviteOnly, join(carol, { displayname: "C" }), join(stranger)),
    ...allows(
      `${n}.4`,
      withState(inviteOnly, "m.room.join_rules", "", undefined),
      join(carol),
      join(stranger),
    ),
    ...(version.auth.knock
      ? allows(`${n}.4`, withRule(room, "knock"), join(invited), join(knocking))
      : rejects(`${n}.${last}`, withRule(room, "knock"), join(invited), [inviteOnly, join(invited)])),
    ...allows(`${n}.${publicAt}`, room, join(stranger), [inviteOnly, join(stranger)]),
    ...rejects(`${n}.${last}`, withRule(room, "private"), join(carol), [inviteOnly, join(carol)]),
    ...rejects(`${n}.${last}`, inviteOnly, join(stranger), join(invited)),
    ...restrictedCases(version, room, join, `${n}.5`, `${n}.${last}`),
  ]
}

const restrictedCases = (
  version: RoomVersion,
  room: TestRoom,
  join: Join,
  number: string,
  lastNumber: string,
): readonly Case[] => {
  const restricted = withRule(room, "restricted")
  if (!version.auth.restricted) return rejects(lastNumber, restricted, join(carol), [room, join(carol)])
  const through = (user: string | number, signed = true): JsonObject => ({
    join_authorised_via_users_server: user,
    "test.signed": signed,
  })
  const inviteAt60 = withState(restricted, "m.room.power_levels", "", levelsOf(version, { invite: 60 }))
  const both = withRule(room, "knock_restricted")
  return [
    ...rejects(
      numbersOf(version).authoriser!,
      restricted,
      join(stranger, through(bob, false)),
      join(stranger, through(bob)),
    ),
    ...rejects(
      numbersOf(version).authoriser!,
      room,
      join(carol, through(bob, false)),
      join(carol, through(bob)),
    ),
    ...allows(`${number}.1`, restricted, join(invited), join(stranger)),
    ...allows(`${number}.1`, restricted, join(carol), join(stranger)),
    ...rejects(`${number}.2`, restricted, join(stranger), join(stranger, through(bob))),
    ...rejects(`${number}.2`, restricted, join(stranger, through(invited)), join(stranger, through(bob))),
    ...rejects(`${number}.2`, restricted, join(stranger, through(7)), join(stranger, through(bob))),
    ...rejects(`${number}.2`, inviteAt60, join(stranger, through(bob)), join(stranger, through(alice))),
    ...allows(`${number}.3`, restricted, join(stranger, through(bob)), join(stranger)),
    ...(version.auth.knockRestricted
      ? allows(`${number}.3`, both, join(stranger, through(bob)), join(stranger))
      : rejects(lastNumber, both, join(stranger, through(bob)), [restricted, join(stranger, through(bob))])),
  ]
}

const inviteCases = (version: RoomVersion, room: TestRoom, say: Say): readonly Case[] => {
  const n = numbersOf(version).invite
  const withKeys = (content: JsonObject, sender = bob) =>
    withState(room, "m.room.third_party_invite", "token", content, sender)
  const asked = withKeys({ public_key: "AQ" })
  const signed = { mxid: stranger, token: "token", signatures: { "id.example": { "ed25519:0": "AQ" } } }
  const threepid = (changes: JsonObject, target = stranger) =>
    say(bob, target, "invite", {
      third_party_invite: { display_name: "S", signed: { ...signed, ...changes } },
    })
  const honest = threepid({})
  const badThenGood = {
    signatures: { bad: { "ed25519:0": "Ag" }, good: { "ed25519:0": "Ag", "ed25519:1": "AQ" } },
  }
  const inviteAt60 = withState(room, "m.room.power_levels", "", levelsOf(version, { invite: 60 }))
  return [
    ...rejects(`${n}.1.1`, asked, threepid({ mxid: banned }, banned), honest),
    ...rejects(`${n}.1.2`, asked, say(bob, stranger, "invite", { third_party_invite: {} }), honest),
    ...rejects(`${n}.1.2`, asked, say(bob, stranger, "invite", { third_party_invite: 1 }), honest),
    ...rejects(
      `${n}.1.3`,
      asked,
      say(bob, stranger, "invite", { third_party_invite: { signed: { token: "token" } } }),
      honest,
    ),
    ...rejects(
      `${n}.1.3`,
      asked,
      say(bob, stranger, "invite", { third_party_invite: { signed: { mxid: stranger } } }),
      honest,
    ),
    ...rejects(`${n}.1.4`, asked, threepid({ mxid: carol }), honest),
    ...rejects(`${n}.1.5`, asked, threepid({ token: "other" }), honest),
    ...rejects(`${n}.1.6`, withKeys({ public_key: "AQ" }, carol), honest, [asked, honest]),
    ...allows(`${n}.1.7`, asked, honest, threepid({ signatures: { "id.example": { "ed25519:0": "Ag" } } })),
    ...allows(`${n}.1.7`, withKeys({ public_keys: [{ public_key: "Ag" }, { public_key: "AQ" }] }), honest, [
      withKeys({ public_keys: [{ public_key: "Ag" }] }),
      honest,
    ]),
    ...allows(`${n}.1.7`, asked, threepid(badThenGood), threepid({ signatures: {} })),
    ...rejects(`${n}.1.8`, withKeys({}), honest, [asked, honest]),
    ...rejects(`${n}.2`, room, say(stranger, knocking, "invite"), say(carol, knocking, "invite")),
    ...rejects(`${n}.3`, room, say(bob, carol, "invite"), say(bob, stranger, "invite")),
    ...rejects(`${n}.3`, room, say(bob, banned, "invite"), say(bob, stranger, "invite")),
    ...allows(`${n}.4`, room, say(carol, stranger, "invite"), [inviteAt60, say(carol, stranger, "invite")]),
    ...rejects(`${n}.5`, inviteAt60, say(bob, stranger, "invite"), say(alice, stranger, "invite")),
  ]
}

const leaveAndBanCases = (version: RoomVersion, room: TestRoom, say: Say): readonly Case[] => {
  const { leave, ban } = numbersOf(version)
  const own = (user: string) => say(user, user, "leave")
  const banAt60 = withState(room, "m.room.power_levels", "", levelsOf(version, { ban: 60 }))
  const kickAt60 = withState(room, "m.room.power_levels", "", levelsOf(version, { kick: 60 }))
  return [
    ...allows(`${leave}.1`, room, own(carol), own(stranger)),
    ...allows(`${leave}.1`, room, own(invited), own(banned)),
    ...rejects(`${leave}.1`, room, own(stranger), own(carol)),
    ...(version.auth.knock ? allows(`${leave}.1`, room, own(knocking), own(stranger)) : []),
    ...rejects(`${leave}.2`, room, say(stranger, carol, "leave"), say(bob, carol, "leave")),
    ...rejects(`${leave}.3`, banAt60, say(bob, banned, "leave"), [room, say(bob, banned, "leave")]),
    ...allows(`${leave}.4`, room, say(bob, carol, "leave"), say(carol, bob, "leave")),
    ...rejects(`${leave}.5`, kickAt60, say(bob, carol, "leave"), [room, say(bob, carol, "leave")]),
    ...rejects(`${leave}.5`, room, say(bob, alice, "leave"), say(alice, bob, "leave")),
    ...rejects(`${ban}.1`, room, say(stranger, carol, "ban"), say(bob, carol, "ban")),
    ...allows(`${ban}.2`, room, say(bob, carol, "ban"), say(carol, eve, "ban")),
    ...rejects(`${ban}.3`, banAt60, say(bob, carol, "ban"), [room, say(bob, carol, "ban")]),
    ...rejects(`${ban}.3`, room, say(bob, alice, "ban"), say(alice, bob, "ban")),
  ]
}

const knockCases = (version: RoomVersion, n: string, room: TestRoom, say: Say): readonly Case[] => {
  const knockRoom = withRule(room, "knock")
  const knock = (user: string) => say(user, user, "knock")
  const both = withRule(room, "knock_restricted")
  return [
    ...rejects(`${n}.1`, room, knock(stranger), [knockRoom, knock(stranger)]),
    ...(version.auth.knockRestricted
      ? allows(`${n}.3`, both, knock(stranger), [room, knock(stranger)])
      : rejects(`${n}.1`, both, knock(stranger), [knockRoom, knock(stranger)])),
    ...rejects(`${n}.2`, knockRoom, say(bob, stranger, "knock"), knock(stranger)),
    ...allows(`${n}.3`, knockRoom, knock(stranger), knock(carol)),
    ...allows(`${n}.3`, knockRoom, knock(knocking), knock(banned)),
    ...rejects(`${n}.4`, knockRoom, knock(banned), knock(stranger)),
    ...rejects(`${n}.4`, knockRoom, knock(invited), knock(stranger)),
    ...rejects(`${n}.4`, knockRoom, knock(carol), knock(stranger)),
  ]
}
