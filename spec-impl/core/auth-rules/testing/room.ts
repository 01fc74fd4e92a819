/** For tests: a small room of any version, as the authorisation rules see it. */
import type { Event } from "../../event.ts"
import type { JsonObject } from "../../json/value.ts"
import { readingsDefault } from "../../readings.ts"
import type { RoomVersion } from "../../room-version.ts"
import type { AuthContext, AuthState } from "../auth-context.ts"

/** Members: Alice made the room, Bob has 50, Carol and Eve (of another server) 0; the rest are what they are called. */
export const alice = "@alice:one"
export const bob = "@bob:one"
export const carol = "@carol:one"
export const eve = "@eve:two"
export const banned = "@banned:one"
export const invited = "@invited:one"
export const knocking = "@knocking:one"
export const stranger = "@stranger:one"

export const createId = "$create"

/** What is said of an event beside its type, sender and content. */
export type Details = Partial<
  Pick<Event, "eventId" | "roomId" | "stateKey" | "prevEvents" | "redacts" | "pdu">
>

/** A test room: its version, and what its state holds under `type|state_key`. */
export interface TestRoom {
  readonly version: RoomVersion
  readonly state: ReadonlyMap<string, Event>
}

const roomIdOf = (version: RoomVersion): string => (version.roomIdIsCreateHash ? "!create" : "!room:one")

/** An event of the room; a state event where `stateKey` is among the details. */
export const eventIn = (
  version: RoomVersion,
  type: string,
  sender: string,
  content: JsonObject,
  details: Details = {},
): Event => ({
  eventId: version.eventId === "opaque" ? "$event:one" : "$event",
  roomId: roomIdOf(version),
  type,
  stateKey: undefined,
  sender,
  originServerTs: 1,
  depth: 5,
  content,
  authEvents: [],
  prevEvents: ["$previous"],
  redacts: undefined,
  pdu: type === "m.room.create" && version.roomIdIsCreateHash ? {} : { room_id: roomIdOf(version) },
  ...details,
})

/** The levels of the room; creators of room 12 are never listed. */
export const levelsOf = (version: RoomVersion, changes: JsonObject = {}): JsonObject => ({
  users: { ...(version.auth.privilegedCreators ? {} : { [alice]: 100 }), [bob]: 50 },
  events: { "m.room.topic": 50, "m.room.name": 100 },
  ...changes,
})

/** The create event's content, as the version wants it. */
export const createContent = (version: RoomVersion): JsonObject => ({
  room_version: version.id,
  ...(version.auth.creator === "content" ? { creator: alice } : {}),
})

/** The room in which most cases play: public, with all its members. */
export const testRoom = (version: RoomVersion): TestRoom => {
  const state = new Map<string, Event>()
  const put = (type: string, sender: string, content: JsonObject, stateKey: string): void => {
    const eventId = type === "m.room.create" ? createId : `$${type}|${stateKey}`
    state.set(`${type}|${stateKey}`, eventIn(version, type, sender, content, { stateKey, eventId }))
  }
  put("m.room.create", alice, createContent(version), "")
  put("m.room.power_levels", alice, levelsOf(version), "")
  put("m.room.join_rules", alice, { join_rule: "public" }, "")
  for (const joined of [alice, bob, carol, eve]) put("m.room.member", joined, { membership: "join" }, joined)
  put("m.room.member", alice, { membership: "ban" }, banned)
  put("m.room.member", alice, { membership: "invite" }, invited)
  put("m.room.member", knocking, { membership: version.auth.knock ? "knock" : "leave" }, knocking)
  return { version, state }
}

/** The room with another event in the place of `type|stateKey`, or none where `content` is undefined. */
export const withState = (
  room: TestRoom,
  type: string,
  stateKey: string,
  content: JsonObject | undefined,
  sender = alice,
): TestRoom => {
  const state = new Map(room.state)
  if (content === undefined) state.delete(`${type}|${stateKey}`)
  else {
    const eventId = type === "m.room.create" ? createId : `$${type}|${stateKey}`
    state.set(`${type}|${stateKey}`, eventIn(room.version, type, sender, content, { stateKey, eventId }))
  }
  return { ...room, state }
}

export const viewOf = (room: TestRoom): AuthState => ({
  get: (type, stateKey) => room.state.get(`${type}|${stateKey}`),
})

/** Signatures as the cases have them: a join is signed if it says so; a signature fits a key of the same byte. */
export const contextOf = (version: RoomVersion): AuthContext => ({
  version,
  readings: readingsDefault,
  signatures: {
    restrictedJoinIsSigned: (event) => event.content["test.signed"] === true,
    verify: (publicKey, _message, signature) => publicKey[0] === signature[0],
  },
})
