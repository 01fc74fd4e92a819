/** How rooms begin, what is set in them, and how they are replaced (client-server API §Rooms). */
import { Effect, Schema } from "effect"
import type { Event } from "#spec-impl/core/event.ts"
import { domainOf } from "#spec-impl/core/identifiers.ts"
import { isJsonObject, type JsonObject } from "#spec-impl/core/json/value.ts"
import { roomVersion } from "#spec-impl/core/room-version.ts"
import { firstLevels } from "#spec-impl/homeserver/room-creation.ts"
import { type Acting, type Cast, defineAction, OutOfReach } from "./action.ts"

const { String: Text } = Schema
const room = { room: Text }
const Levels = Schema.Record(Text, Schema.Int)
const joinRules = ["public", "invite", "knock", "restricted", "knock_restricted"] as const
const JoinRule = Schema.Literals(joinRules)

const someRoom = ({ draws, rooms }: Cast) => ({ room: draws.pick(rooms, "room") })
const levels = [0, 25, 50, 50, 75, 100, 100, 100]

/** Who has which power: a few of the users. */
const someLevels = ({ draws, users }: Cast, share: number): Record<string, number> => {
  const certain = draws.integer(users.length, "levels", "one")
  return Object.fromEntries(
    users
      .filter((user, at) => at === certain || draws.chance(share, "levels", user))
      .map((user) => [user, draws.pick(levels, "level", user)]),
  )
}

export const create = defineAction({
  name: "create",
  about: "makes a room, which the plan calls so from then on",
  weight: 0,
  fields: {
    ...room,
    version: Text,
    joinRule: Schema.optionalKey(JoinRule),
    /** Null where the room has no m.room.power_levels to begin with. */
    levels: Schema.optionalKey(Schema.NullOr(Levels)),
    federate: Schema.optionalKey(Schema.Boolean),
  },
  draw: (cast) => ({
    ...someRoom(cast),
    version: cast.draws.pick(cast.roomVersions, "version"),
    joinRule: cast.draws.chance(0.8, "public") ? ("public" as const) : ("invite" as const),
    levels: cast.draws.chance(0.1, "unlevelled") ? null : someLevels(cast, cast.levelsShare),
    ...(cast.draws.chance(0.08, "alone") ? { federate: false } : {}),
  }),
  makesEvent: false,
  perform: Effect.fnUntraced(function* ({ user, nameRoom }, action) {
    const version = roomVersion(action.version)
    if (version === undefined) return yield* new OutOfReach({ message: `no room version ${action.version}` })
    const first = firstLevels(user.userId, version)
    const given = Object.entries(action.levels ?? {}).filter(([userId]) => userId !== user.userId)
    const roomId = yield* user.createRoom({
      roomVersion: action.version,
      joinRule: action.joinRule ?? "public",
      powerLevels:
        action.levels === null
          ? null
          : { ...first, users: { ...objectAt(first, "users"), ...Object.fromEntries(given) } },
      ...(action.federate === false ? { creationContent: { "m.federate": false } } : {}),
    })
    nameRoom(action.room, roomId)
  }),
})

const objectAt = (content: JsonObject, key: string): JsonObject => {
  const value = content[key]
  return isJsonObject(value) ? value : {}
}

/** Changes what the acting server shows of a state now. */
const edit = Effect.fnUntraced(function* (
  { user, stage, roomId, made }: Acting,
  name: string,
  type: string,
  change: (content: JsonObject) => JsonObject,
) {
  const id = yield* roomId(name)
  const server = domainOf(user.userId) ?? ""
  const before =
    stage.stateOf(server, id, type)?.content ?? firstContent(type, stage.stateOf(server, id, "m.room.create"))
  made(yield* user.setState(id, type, change(before)))
})

/** Whoever sets the first power levels of a room leaves its creator the power that it has without them. */
const firstContent = (type: string, create: Event | undefined): JsonObject => {
  const version = roomVersion(String(create?.content.room_version ?? "1"))
  return type !== "m.room.power_levels" || create === undefined || version === undefined
    ? {}
    : firstLevels(create.sender, version)
}

export const setLevels = defineAction({
  name: "set-levels",
  about: "changes power levels: of those users, and what is asked for those events and acts",
  weight: 5,
  fields: {
    ...room,
    users: Schema.optionalKey(Levels),
    events: Schema.optionalKey(Levels),
    asked: Schema.optionalKey(Levels),
  },
  draw: (cast) => ({
    ...someRoom(cast),
    ...(cast.draws.chance(0.8, "of-users") ? { users: someLevels(cast, 0.3) } : {}),
    ...(cast.draws.chance(0.2, "of-events")
      ? {
          events: {
            [cast.draws.pick(["m.room.topic", "m.room.name", "m.room.join_rules"], "event")]: cast.draws.pick(
              [0, 25, 50, 100],
              "event-level",
            ),
          },
        }
      : {}),
    ...(cast.draws.chance(0.1, "of-acts")
      ? {
          asked: {
            [cast.draws.pick(["invite", "kick", "ban", "redact", "state_default"], "act")]: cast.draws.pick(
              [0, 25, 50],
              "act-level",
            ),
          },
        }
      : {}),
  }),
  perform: (acting, action) =>
    edit(acting, action.room, "m.room.power_levels", (content) => ({
      ...content,
      ...action.asked,
      users: { ...objectAt(content, "users"), ...action.users },
      events: { ...objectAt(content, "events"), ...action.events },
    })),
})

export const setJoinRule = defineAction({
  name: "set-join-rule",
  about: "says who may come in; members of the rooms of `allow`, where that is restricted",
  weight: 5,
  fields: { ...room, rule: JoinRule, allow: Schema.optionalKey(Schema.Array(Text)) },
  draw: (cast) => {
    const rule = cast.draws.pick(joinRules, "rule")
    const isRestricted = rule === "restricted" || rule === "knock_restricted"
    const { room } = someRoom(cast)
    const others = cast.rooms.filter((name) => name !== room)
    return {
      room,
      rule,
      ...(isRestricted ? { allow: [cast.draws.pick(others.length > 0 ? others : [room], "allow")] } : {}),
    }
  },
  perform: Effect.fnUntraced(function* (acting, { room: name, rule, allow }) {
    const ids: string[] = []
    for (const allowed of allow ?? []) ids.push(yield* acting.roomId(allowed))
    yield* edit(acting, name, "m.room.join_rules", () => ({
      join_rule: rule,
      ...(allow === undefined
        ? {}
        : { allow: ids.map((room_id) => ({ type: "m.room_membership", room_id })) }),
    }))
  }),
})

export const setAcl = defineAction({
  name: "set-acl",
  about: "shuts servers out of a room, all but those of `deny` let in",
  weight: 0.5,
  fields: { ...room, deny: Schema.Array(Text) },
  draw: (cast) => ({
    ...someRoom(cast),
    deny: cast.draws.chance(0.5, "any") ? [cast.draws.pick(cast.servers, "deny")] : [],
  }),
  perform: (acting, action) =>
    edit(acting, action.room, "m.room.server_acl", () => ({
      allow: ["*"],
      deny: action.deny,
      allow_ip_literals: false,
    })),
})

const told = <const N extends string>(name: N, type: string, key: string, weight: number) =>
  defineAction({
    name,
    about: `sets ${type}`,
    weight,
    fields: { ...room, text: Text },
    draw: (cast) => ({ ...someRoom(cast), text: `${key} ${cast.draws.integer(1_000, "text")}` }),
    perform: (acting, action) => {
      const said = action as { readonly room: string; readonly text: string }
      return edit(acting, said.room, type, () => ({ [key]: said.text }))
    },
  })

export const setTopic = told("set-topic", "m.room.topic", "topic", 1.5)
export const setName = told("set-name", "m.room.name", "name", 0.5)

const visibilities = ["invited", "joined", "shared", "world_readable"] as const

export const setHistoryVisibility = defineAction({
  name: "set-history-visibility",
  about: "says who may see what was said (m.room.history_visibility)",
  weight: 0.5,
  fields: { ...room, visibility: Schema.Literals(visibilities) },
  draw: (cast) => ({ ...someRoom(cast), visibility: cast.draws.pick(visibilities, "visibility") }),
  perform: (acting, action) =>
    edit(acting, action.room, "m.room.history_visibility", () => ({
      history_visibility: action.visibility,
    })),
})

export const setState = defineAction({
  name: "set-state",
  about: "sets a piece of state of any type",
  weight: 0.5,
  fields: { ...room, type: Text, stateKey: Text, content: Schema.Record(Text, Schema.Json) },
  draw: (cast) => ({
    ...someRoom(cast),
    type: "org.example.state",
    stateKey: `${cast.draws.integer(3, "state-key")}`,
    content: { value: cast.draws.integer(1_000, "value") },
  }),
  perform: Effect.fnUntraced(function* ({ user, roomId, made }, action) {
    const content = action.content as JsonObject
    made(yield* user.setState(yield* roomId(action.room), action.type, content, action.stateKey))
  }),
})

/** What a plan puts behind a room's name to call the one that replaces it. */
export const replaced = "+"

export const upgrade = defineAction({
  name: "upgrade",
  about: "replaces a room by one of that version, which the plan calls by the name in `as`",
  weight: 0.3,
  fields: { ...room, version: Text, as: Text },
  makesEvent: false,
  draw: (cast) => {
    const { room: old } = someRoom(cast)
    return { room: old, version: cast.draws.pick(cast.roomVersions, "version"), as: `${old}${replaced}` }
  },
  perform: Effect.fnUntraced(function* ({ user, roomId, nameRoom }, action) {
    nameRoom(action.as, yield* user.upgradeRoom(yield* roomId(action.room), action.version))
  }),
})
