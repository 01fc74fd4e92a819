/** What a client's `/createRoom` asks for, as a homeserver makes rooms (client-server API §POST /createRoom). */
import { isJsonArray, isJsonObject, type JsonObject } from "../../core/json/value.ts"
import type { RoomVersion } from "../../core/room-version.ts"
import { firstLevels, type RoomWishes, tombstoneLevel } from "../../homeserver/room-creation.ts"
import type { RoomRequest } from "./api.ts"

type Request = typeof RoomRequest.Type
type InitialState = NonNullable<RoomWishes["initialState"]>[number]

/** What each preset says of a room. */
const presets = {
  private_chat: { joinRule: "invite", guestAccess: "can_join" },
  trusted_private_chat: { joinRule: "invite", guestAccess: "can_join" },
  public_chat: { joinRule: "public", guestAccess: "forbidden" },
}

/** The levels that a room has where nothing else is said: those that the rules go by, written out for clients. */
const levelsByDefault: JsonObject = {
  users_default: 0,
  events_default: 0,
  state_default: 50,
  ban: 50,
  kick: 50,
  redact: 50,
  invite: 0,
  events: {},
}

/** The events in their order: levels, alias, preset, initial state, name and topic. */
export const wishesOf = (
  creator: string,
  request: Request,
  version: RoomVersion,
  profile: JsonObject,
  alias: string | undefined,
): RoomWishes => ({
  roomVersion: version.id,
  creatorContent: profile,
  creationContent: creationContentOf(request, version),
  powerLevels: powerLevelsOf(creator, request, version),
  ...(alias === undefined ? {} : { alias }),
  joinRule: null,
  initialState: [...presetState(request), ...givenState(request), ...namedState(request)],
})

const presetOf = ({ preset, visibility = "private" }: Request): keyof typeof presets =>
  preset ?? (visibility === "public" ? "public_chat" : "private_chat")

const isTrusted = (request: Request): boolean => presetOf(request) === "trusted_private_chat"

/** `creator` and `room_version` are the server's to say. In room 12 trusted users are creators too. */
const creationContentOf = (request: Request, version: RoomVersion): JsonObject => {
  const { creator: _, room_version: __, ...content } = request.creation_content ?? {}
  if (!version.auth.privilegedCreators || !isTrusted(request)) return content
  const named = content.additional_creators
  const creators = new Set([...(isJsonArray(named) ? named : []), ...(request.invite ?? [])])
  return creators.size === 0 ? content : { ...content, additional_creators: [...creators] }
}

const powerLevelsOf = (creator: string, request: Request, version: RoomVersion): JsonObject => {
  const trusted = isTrusted(request) && !version.auth.privilegedCreators ? (request.invite ?? []) : []
  const first = firstLevels(creator, version)
  const users = { ...(first.users as JsonObject), ...Object.fromEntries(trusted.map((user) => [user, 100])) }
  const levels = { ...levelsByDefault, ...first, users, ...request.power_level_content_override }
  return version.auth.privilegedCreators ? withTombstoneLevel(levels) : levels
}

/** In room 12 the level for a tombstone must be said, and be higher than that for other state. */
const withTombstoneLevel = (levels: JsonObject): JsonObject => {
  const events = levels.events ?? {}
  if (!isJsonObject(events) || events["m.room.tombstone"] !== undefined) return levels
  const stateDefault = typeof levels.state_default === "number" ? levels.state_default : 50
  return {
    ...levels,
    events: { ...events, "m.room.tombstone": Math.max(tombstoneLevel, stateDefault + 1) },
  }
}

/** "Takes precedence over events set by preset": what `initial_state` says itself is not said before. */
const presetState = (request: Request): readonly InitialState[] => {
  const { joinRule, guestAccess } = presets[presetOf(request)]
  const state = [
    { type: "m.room.join_rules", stateKey: "", content: { join_rule: joinRule } },
    { type: "m.room.history_visibility", stateKey: "", content: { history_visibility: "shared" } },
    { type: "m.room.guest_access", stateKey: "", content: { guest_access: guestAccess } },
  ]
  const given = givenState(request)
  return state.filter(({ type }) => !given.some((other) => other.type === type && other.stateKey === ""))
}

const givenState = ({ initial_state: state = [] }: Request): readonly InitialState[] =>
  state.map(({ type, state_key: stateKey = "", content }) => ({ type, stateKey, content }))

const namedState = ({ name, topic }: Request): readonly InitialState[] => [
  ...(name === undefined ? [] : [{ type: "m.room.name", stateKey: "", content: { name } }]),
  ...(topic === undefined ? [] : [{ type: "m.room.topic", stateKey: "", content: topicContent(topic) }]),
]

/** §m.room.topic: with its text as a `text/plain` representation. */
const topicContent = (topic: string): JsonObject => ({
  topic,
  "m.topic": { "m.text": [{ body: topic, mimetype: "text/plain" }] },
})
