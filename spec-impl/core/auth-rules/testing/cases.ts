/** For tests: for each numbered rule of a version a rejected event and its nearest allowed neighbour. */
import type { Event } from "../../event.ts"
import { JsonFloat, type JsonObject } from "../../json/value.ts"
import type { RoomVersion } from "../../room-version.ts"
import { allows, type Case, rejects } from "./case.ts"
import { memberCases } from "./member-cases.ts"
import { numbersOf } from "./numbers.ts"
import {
  alice,
  bob,
  carol,
  createContent,
  type Details,
  eve,
  eventIn,
  levelsOf,
  stranger,
  type TestRoom,
  testRoom,
  withState,
} from "./room.ts"

/** All cases of a version, but those on auth_events. */
export const casesOf = (version: RoomVersion): readonly Case[] => [
  ...createCases(version),
  ...roomCases(version),
  ...memberCases(version),
  ...otherCases(version),
  ...powerLevelsCases(version),
]

const createCases = (version: RoomVersion): readonly Case[] => {
  const room: TestRoom = { version, state: new Map() }
  const create = (changes: JsonObject = {}, details: Details = {}): Event =>
    eventIn(
      version,
      "m.room.create",
      alice,
      { ...createContent(version), ...changes },
      {
        stateKey: "",
        prevEvents: [],
        ...details,
      },
    )
  const { creator: _creator, ...withoutCreator } = createContent(version)
  const bare = { ...create(), content: withoutCreator }
  const needsCreator = version.auth.creator === "content"
  const additional = (value: unknown) => create({ additional_creators: value as JsonObject })
  return [
    ...rejects("1.1", room, create({}, { prevEvents: ["$previous"] }), create()),
    ...(version.roomIdIsCreateHash
      ? rejects("1.2", room, create({}, { pdu: { room_id: "!create" } }), create())
      : rejects("1.2", room, create({}, { roomId: "!room:two" }), create())),
    ...rejects("1.3", room, create({ room_version: "99" }), create({ room_version: "1" })),
    ...rejects("1.3", room, create({ room_version: 1 }), create({ room_version: version.id })),
    ...(needsCreator ? rejects("1.4", room, bare, create()) : []),
    ...(version.auth.privilegedCreators
      ? [
          ...rejects("1.4", room, additional("@x:one"), additional(["@x:one"])),
          ...rejects("1.4", room, additional(["x"]), additional([])),
          ...rejects("1.4", room, additional([7]), additional(["@x:one", "@y:two"])),
        ]
      : []),
    ...allows(
      needsCreator || version.auth.privilegedCreators ? "1.5" : "1.4",
      room,
      create(),
      create({}, { prevEvents: ["$p"] }),
    ),
  ]
}

/** The rules that concern the room as a whole. */
const roomCases = (version: RoomVersion): readonly Case[] => {
  const n = numbersOf(version)
  const room = testRoom(version)
  const message = (sender: string, details: Details = {}) =>
    eventIn(version, "m.room.message", sender, {}, details)
  const federating = (value: unknown): TestRoom =>
    withState(room, "m.room.create", "", { ...createContent(version), "m.federate": value as boolean })
  const withoutCreate = withState(room, "m.room.create", "", undefined)
  return [
    ...(version.roomIdIsCreateHash
      ? [
          ...rejects("2", room, message(bob, { roomId: "!other" }), message(bob)),
          ...rejects("2", withoutCreate, message(bob), [room, message(bob)]),
        ]
      : []),
    ...rejects(n.federate, federating(false), message(eve), message(bob)),
    ...rejects(n.federate, federating(false), message(eve), [federating("yes"), message(eve)]),
    ...rejects(n.senderJoined, room, message(stranger), message(carol)),
    ...allows(n.otherwise, room, message(carol), message(stranger)),
  ]
}

/** The rules on third-party invites, levels by type, state keys, aliases and redactions. */
const otherCases = (version: RoomVersion): readonly Case[] => {
  const n = numbersOf(version)
  const room = testRoom(version)
  const state = (type: string, sender: string, stateKey: string) =>
    eventIn(version, type, sender, {}, { stateKey })
  const inviteAt50 = withState(room, "m.room.power_levels", "", levelsOf(version, { invite: 50 }))
  const noLevels = withState(room, "m.room.power_levels", "", undefined)
  const invitation = (sender: string) => state("m.room.third_party_invite", sender, "token")
  const aliases = (sender: string, details: Details) =>
    eventIn(version, "m.room.aliases", sender, {}, details)
  const open = withState(room, "m.room.power_levels", "", levelsOf(version, { state_default: 0 }))
  return [
    ...rejects(n.thirdPartyInvite, inviteAt50, invitation(carol), invitation(bob)),
    ...allows(n.thirdPartyInvite, inviteAt50, invitation(bob), invitation(carol)),
    ...rejects(n.requiredLevel, room, state("m.room.topic", carol, ""), state("m.room.topic", bob, "")),
    ...rejects(n.requiredLevel, room, state("m.room.name", bob, ""), state("m.room.name", alice, "")),
    ...rejects(n.requiredLevel, noLevels, state("m.room.topic", carol, ""), state("m.room.topic", alice, "")),
    ...rejects(n.foreignStateKey, open, state("x", bob, carol), state("x", carol, carol)),
    ...(n.aliases === undefined
      ? rejects(n.requiredLevel, room, aliases(carol, { stateKey: "one" }), aliases(bob, { stateKey: "one" }))
      : [
          ...rejects(`${n.aliases}.1`, room, aliases(carol, {}), aliases(carol, { stateKey: "one" })),
          ...rejects(
            `${n.aliases}.2`,
            room,
            aliases(carol, { stateKey: "two" }),
            aliases(carol, { stateKey: "one" }),
          ),
          ...allows(
            `${n.aliases}.3`,
            room,
            aliases(stranger, { stateKey: "one" }),
            aliases(stranger, { stateKey: "two" }),
          ),
        ]),
    ...redactionCases(version, room, n.redaction, n.otherwise),
  ]
}

const redactionCases = (
  version: RoomVersion,
  room: TestRoom,
  number: string | undefined,
  otherwise: string,
): readonly Case[] => {
  const redaction = (sender: string, redacts: string) =>
    eventIn(version, "m.room.redaction", sender, {}, { redacts })
  const reserved = withState(
    room,
    "m.room.power_levels",
    "",
    levelsOf(version, { events: { "m.room.redaction": 50 } }),
  )
  const general = rejects(
    numbersOf(version).requiredLevel,
    reserved,
    redaction(carol, "$x:one"),
    redaction(bob, "$x:one"),
  )
  if (number === undefined) {
    return [...general, ...allows(otherwise, room, redaction(carol, "$x:two"), redaction(stranger, "$x:two"))]
  }
  return [
    ...general,
    ...allows(`${number}.1`, room, redaction(bob, "$x:two"), redaction(carol, "$x:two")),
    ...allows(`${number}.2`, room, redaction(carol, "$x:one"), redaction(carol, "$x:two")),
    ...rejects(`${number}.3`, room, redaction(carol, "$x:two"), redaction(carol, "$x:one")),
  ]
}

/** The places of the rules within the family on m.room.power_levels. */
const levelNumbers = (version: RoomVersion) => {
  const n = numbersOf(version).powerLevels
  const number = Number(version.id)
  const added = number <= 9 ? 0 : number <= 11 ? 2 : 3
  const at = (place: number, rest = ""): string => `${n}.${place + added}${rest}`
  return {
    scalars: `${n}.1`,
    maps: `${n}.2`,
    users: number <= 9 ? `${n}.1` : `${n}.3`,
    creators: `${n}.4`,
    first: at(2),
    was: at(3, ".1"),
    is: at(3, ".2"),
    eventsWas: at(4, ".1"),
    eventsIs: at(5, ".1"),
    usersWas: at(6, ".1"),
    usersIs: at(7, ".1"),
    allowed: at(8),
  }
}

const powerLevelsCases = (version: RoomVersion): readonly Case[] => {
  const n = levelNumbers(version)
  const room = withState(testRoom(version), "m.room.power_levels", "", levelsForChange(version))
  const none = withState(room, "m.room.power_levels", "", undefined)
  const by = (sender: string, changes: JsonObject): Event =>
    eventIn(
      version,
      "m.room.power_levels",
      sender,
      { ...levelsForChange(version), ...changes },
      { stateKey: "" },
    )
  const same = by(bob, {})
  const events = { "m.room.power_levels": 50, "m.room.topic": 50, "m.room.name": 100 }
  const users = (changes: JsonObject): JsonObject => ({
    users: { ...(levelsForChange(version).users as JsonObject), ...changes },
  })
  const { kick: _kick, ...withoutKick } = levelsForChange(version)
  const removedKick = { ...same, content: withoutKick }
  const forms = version.auth.levelForms
  const stringLevel = by(bob, users({ [carol]: "10" }))
  const floatLevel = by(bob, users({ [carol]: new JsonFloat(10.5) }))
  const form = (event: Event, isTaken: boolean): readonly Case[] =>
    isTaken
      ? allows(n.allowed, room, event, by(bob, users({ [carol]: true })))
      : rejects(n.users, room, event, same)
  return [
    ...(forms === "integers"
      ? [
          ...rejects(n.scalars, room, by(bob, { ban: "50" }), by(bob, { ban: 50 })),
          ...rejects(n.scalars, room, by(bob, { invite: null }), by(bob, { invite: 1 })),
          ...rejects(
            n.maps,
            room,
            by(bob, { events: { ...events, x: "1" } }),
            by(bob, { events: { ...events, x: 1 } }),
          ),
          ...rejects(
            n.maps,
            room,
            by(bob, { notifications: [] }),
            by(bob, { notifications: { room: 90, x: 20 } }),
          ),
        ]
      : []),
    ...rejects(n.users, room, by(bob, { users: [] }), same),
    ...rejects(n.users, room, by(bob, users({ "x:one": 1 })), by(bob, users({ "@x:one": 1 }))),
    ...rejects(n.users, room, by(bob, users({ "@somebody:*": 1 })), by(bob, users({ "@somebody:one": 1 }))),
    ...rejects(n.users, room, by(bob, users({ [carol]: "ten" })), by(bob, users({ [carol]: 10 }))),
    ...form(stringLevel, forms !== "integers"),
    ...form(floatLevel, forms === "integers-strings-floats"),
    ...(version.auth.privilegedCreators
      ? rejects(n.creators, room, by(alice, users({ [alice]: 5 })), same)
      : []),
    ...allows(n.first, none, by(alice, {}), by(alice, { users: 1 })),
    ...rejects(n.was, room, by(bob, { kick: 10 }), by(bob, { ban: 10 })),
    ...rejects(n.was, room, removedKick, same),
    ...rejects(n.is, room, by(bob, { ban: 51 }), by(bob, { ban: 49 })),
    ...rejects(n.is, room, by(bob, { redact: 51 }), by(bob, { redact: 50 })),
    ...rejects(n.eventsWas, room, by(bob, { events: { ...events, "m.room.name": 10 } }), by(bob, { events })),
    ...rejects(
      n.eventsWas,
      room,
      by(bob, { events: { "m.room.power_levels": 50 } }),
      by(alice, { events: { "m.room.power_levels": 50 } }),
    ),
    ...rejects(
      n.eventsIs,
      room,
      by(bob, { events: { ...events, x: 51 } }),
      by(bob, { events: { ...events, x: 50 } }),
    ),
    ...rejects(
      n.eventsIs,
      room,
      by(bob, { events: { ...events, "m.room.topic": 51 } }),
      by(bob, { events: { ...events, "m.room.topic": 49 } }),
    ),
    ...notificationCases(version, room, by),
    ...rejects(n.usersWas, room, by(bob, users({ "@peer:one": 10 })), by(bob, users({ "@less:one": 10 }))),
    ...rejects(n.usersWas, room, by(bob, users({ "@more:one": 10 })), by(bob, users({ [bob]: 10 }))),
    ...rejects(n.usersIs, room, by(bob, users({ [carol]: 51 })), by(bob, users({ [carol]: 50 }))),
    ...allows(n.allowed, room, same, by(bob, { ban: 51 })),
  ]
}

/** Rooms 6+: notifications are held to the same rules as events. */
const notificationCases = (
  version: RoomVersion,
  room: TestRoom,
  by: (sender: string, changes: JsonObject) => Event,
): readonly Case[] => {
  const n = levelNumbers(version)
  const high = by(bob, { notifications: { room: 90, extra: 51 } })
  const fine = by(bob, { notifications: { room: 90, extra: 50 } })
  if (!version.auth.notificationsLevels) return allows(n.allowed, room, high, by(bob, { ban: 51 }))
  return [
    ...rejects(n.eventsIs, room, high, fine),
    ...rejects(
      n.eventsWas,
      room,
      by(bob, { notifications: { room: 10 } }),
      by(bob, { notifications: { room: 90 } }),
    ),
  ]
}

/** Levels with something above Bob's 50, at it, and below it. */
const levelsForChange = (version: RoomVersion): JsonObject => ({
  users: {
    ...(version.auth.privilegedCreators ? {} : { [alice]: 100 }),
    [bob]: 50,
    "@peer:one": 50,
    "@less:one": 49,
    "@more:one": 60,
  },
  events: { "m.room.power_levels": 50, "m.room.topic": 50, "m.room.name": 100 },
  notifications: { room: 90 },
  ban: 50,
  kick: 60,
})
