/** A room goes on as another, of another version (client-server API §Room upgrades). */
import { Effect } from "effect"
import { PowerLevels, privilegedCreators, readLevel, scalarLevels } from "../core/auth-rules/power-levels.ts"
import { without } from "../core/hash.ts"
import { compareCodePoints } from "../core/json/encode.ts"
import { isJsonObject, type JsonObject } from "../core/json/value.ts"
import type { RoomDag } from "../core/room-dag/room-dag.ts"
import type { RoomVersion } from "../core/room-version.ts"
import { forbidden } from "../federation/matrix-error.ts"
import { Aliases } from "../federation/queries/aliases.ts"
import { completeDraft, draftedEvent, sendLocalEvent } from "./local-events.ts"
import {
  beginRoom,
  type CreationSerials,
  firstLevels,
  tombstoneLevel,
  versionToMake,
} from "./room-creation.ts"
import { type Room, Rooms } from "./rooms.ts"

/** What else is said of the new room. */
export interface UpgradeWishes {
  /** Creators beside whoever upgrades; of no effect where the new version knows no such. */
  readonly additionalCreators?: readonly string[]
}

/** State that is taken along (§Server behaviour, 3), in the order in which it is sent; power levels come last. */
const takenAlong = [
  "m.room.server_acl",
  "m.room.encryption",
  "m.room.name",
  "m.room.avatar",
  "m.room.topic",
  "m.room.guest_access",
  "m.room.history_visibility",
  "m.room.join_rules",
]

/**
 * Makes the new room, with a predecessor, takes along what can be (bans too, as Synapse does: who was banned does not
 * come back by an upgrade), moves this server's aliases, and closes the old room. Gives the new room's id. 403 for
 * whoever may not send a tombstone, 400 for a version that this server does not make.
 */
export const upgradeRoom = Effect.fnUntraced(function* (
  sender: string,
  roomId: string,
  newVersion: string,
  wishes: UpgradeWishes,
  serials: CreationSerials,
) {
  const rooms = yield* Rooms
  const old = yield* rooms.get(roomId)
  const version = yield* versionToMake(newVersion)
  yield* checkMayUpgrade(old, sender)
  const room = yield* beginRoom(sender, version, creationOf(old, version, wishes), serials)
  yield* takeAlong(old, room, sender)
  yield* moveAliases(old, room, sender)
  const body = "This room has been replaced"
  yield* setState(old, sender, "m.room.tombstone", { body, replacement_room: room.roomId })
  yield* closeRoom(old, sender)
  return room.roomId
})

const setState = (room: Room, sender: string, type: string, content: JsonObject, stateKey = "") =>
  sendLocalEvent(room, { type, sender, stateKey, content })

const stateContent = ({ dag }: Room, type: string, stateKey = ""): JsonObject | undefined =>
  dag.eventIn(dag.currentState(), type, stateKey)?.content

const checkMayUpgrade = Effect.fnUntraced(function* (room: Room, sender: string) {
  const draft = { type: "m.room.tombstone", sender, stateKey: "", content: {} }
  const event = draftedEvent(yield* completeDraft(room, draft), draft, room)
  const objection = room.dag.objectionNow(event)
  if (objection !== undefined) return yield* forbidden(`rejected by ${objection.rule}: ${objection.reason}`)
})

/** `type` and whether other servers may take part are what the room is; creators of old are not taken along. */
const creationOf = (
  old: Room,
  version: RoomVersion,
  { additionalCreators = [] }: UpgradeWishes,
): JsonObject => {
  const create = stateContent(old, "m.room.create") ?? {}
  const kept = ["type", "m.federate"].filter((key) => Object.hasOwn(create, key))
  const [last] = old.dag.forwardExtremities()
  return {
    ...Object.fromEntries(kept.map((key) => [key, create[key]!])),
    predecessor: { room_id: old.roomId, ...(last === undefined ? {} : { event_id: last }) },
    ...(version.auth.privilegedCreators && additionalCreators.length > 0
      ? { additional_creators: additionalCreators }
      : {}),
  }
}

const takeAlong = Effect.fnUntraced(function* (old: Room, room: Room, sender: string) {
  for (const type of takenAlong) {
    const content = stateContent(old, type)
    if (content !== undefined) yield* setState(room, sender, type, content)
  }
  const creators = privilegedCreators(room.dag.create(), room.version)
  for (const userId of bannedIn(old.dag).filter((banned) => !creators.has(banned))) {
    yield* setState(room, sender, "m.room.member", { membership: "ban" }, userId)
  }
  // Until they are there the creator may do everything, whatever level it is to have.
  yield* setState(room, sender, "m.room.power_levels", levelsFor(old, room, sender))
})

const bannedIn = (dag: RoomDag): readonly string[] =>
  dag
    .eventIdsIn(dag.currentState())
    .flatMap((eventId) => {
      const event = dag.record(eventId)?.event
      return event?.type === "m.room.member" && event.content.membership === "ban"
        ? (event.stateKey ?? [])
        : []
    })
    .sort(compareCodePoints)

/**
 * The old levels as the new version takes them. Creators with infinite power must not be named (rooms/v12, rule 10.4);
 * and whoever upgrades, and had power without being named, is named where the new room has no such creators.
 */
const levelsFor = (old: Room, { dag, version }: Room, sender: string): JsonObject => {
  const content = levelsOf(old)
  const creators = privilegedCreators(dag.create(), version)
  const users = without(isJsonObject(content.users) ? content.users : {}, [...creators])
  const events = isJsonObject(content.events) ? content.events : {}
  if (version.auth.privilegedCreators) {
    const tombstone = Math.max(Number(events["m.room.tombstone"] ?? 0), tombstoneLevel)
    return { ...content, users, events: { ...events, "m.room.tombstone": tombstone } }
  }
  if (users[sender] !== undefined) return { ...content, users }
  const top = Object.values(users).reduce((max: number, level) => Math.max(max, Number(level)), 100)
  return { ...content, users: { ...users, [sender]: top } }
}

/** The levels that the old room goes by, as numbers: rooms 1–9 took them as text too, which later ones do not. */
const levelsOf = (old: Room): JsonObject => {
  const content = stateContent(old, "m.room.power_levels") ?? {}
  const read = (object: JsonObject, keys: readonly string[]): JsonObject =>
    Object.fromEntries(
      keys.flatMap((key) => {
        const level = readLevel(object[key], old.version)
        return level === undefined ? [] : [[key, level]]
      }),
    )
  const maps = ["users", "events", "notifications"].flatMap((name) => {
    const map = content[name]
    return isJsonObject(map) ? [[name, read(map, Object.keys(map))] as const] : []
  })
  return { ...read(content, scalarLevels), ...Object.fromEntries(maps) }
}

/** §Server behaviour, 4: with this server's aliases goes the canonical alias. */
const moveAliases = Effect.fnUntraced(function* (old: Room, room: Room, sender: string) {
  const aliases = yield* Aliases
  if (!(yield* aliases.move(old.roomId, room.roomId))) return
  const canonical = stateContent(old, "m.room.canonical_alias")
  if (canonical === undefined) return
  yield* setState(room, sender, "m.room.canonical_alias", canonical)
  yield* setState(old, sender, "m.room.canonical_alias", {}).pipe(Effect.catchTag("MatrixError", notAllowed))
})

/** §Server behaviour, 6: nobody is to speak or to invite there any more, if that is for the user to say. */
const closeRoom = Effect.fnUntraced(function* (old: Room, sender: string) {
  const { dag, version } = old
  const powerLevels = dag.eventIn(dag.currentState(), "m.room.power_levels", "")
  const levels = new PowerLevels(powerLevels, dag.create(), version)
  const closed = Math.max(50, Number(levels.scalar("users_default")) + 1)
  const raised = (name: "events_default" | "invite"): number => Math.max(closed, Number(levels.scalar(name)))
  const content = {
    ...(powerLevels?.content ?? firstLevels(sender, version)),
    events_default: raised("events_default"),
    invite: raised("invite"),
  }
  yield* setState(old, sender, "m.room.power_levels", content).pipe(
    Effect.catchTag("MatrixError", notAllowed),
  )
})

/** A part of the upgrade that is done where the user may. */
const notAllowed = () => Effect.void
