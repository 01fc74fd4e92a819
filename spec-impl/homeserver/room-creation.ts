/** How rooms begin (client-server API §Creation). */
import { Clock, Effect } from "effect"
import { encodeBase64, encodeBase64Url } from "../core/base64.ts"
import type { JsonObject } from "../core/json/value.ts"
import { type RoomVersion, roomVersionDefault } from "../core/room-version.ts"
import { forbidden } from "../federation/matrix-error.ts"
import { Aliases } from "../federation/queries/aliases.ts"
import { whileWriting } from "./admission.ts"
import { Chance } from "./chance.ts"
import { unsupportedRoomVersion } from "./failures.ts"
import { ServerIdentity } from "./identity.ts"
import { readOwn, sendLocalEvent, signAsSelf } from "./local-events.ts"
import { Rooms } from "./rooms.ts"
import { Settings } from "./settings.ts"

/** What a new room is to be; a room that says nothing is public, its creator at 100. */
export interface RoomWishes {
  readonly roomVersion?: string
  /** Null where `initialState` says it, or nothing is to. */
  readonly joinRule?: string | null
  /** A name of this server that becomes the room's canonical one; 409 where it is taken. */
  readonly alias?: string
  /** Further content of the creator's join. */
  readonly creatorContent?: JsonObject
  /** Replaces the whole content of the first m.room.power_levels; null where there are to be none yet. */
  readonly powerLevels?: JsonObject | null
  readonly initialState?: readonly {
    readonly type: string
    readonly stateKey: string
    readonly content: JsonObject
  }[]
  /** Further content of m.room.create. */
  readonly creationContent?: JsonObject
}

/** Tells rooms apart that one user makes in one millisecond. */
export class CreationSerials {
  #nowMs = 0
  readonly #made = new Map<string, number>()

  /** How many rooms `sender` has begun at `nowMs` before this one. */
  next(sender: string, nowMs: number): number {
    if (nowMs !== this.#nowMs) this.#made.clear()
    this.#nowMs = nowMs
    const serial = this.#made.get(sender) ?? 0
    this.#made.set(sender, serial + 1)
    return serial
  }
}

/** The version that a room is to have; 400 for one that this server does not make. */
export const versionToMake = Effect.fnUntraced(function* (id: string) {
  const { roomVersions } = yield* Settings
  const version = roomVersions.find((known) => known.id === id)
  return version ?? (yield* unsupportedRoomVersion(`room version ${id} is not supported here`))
})

/** The events of a new room, in the order of the client-server API's §Creation. Gives its id. */
export const createRoom = Effect.fnUntraced(function* (
  sender: string,
  wishes: RoomWishes,
  serials: CreationSerials,
) {
  const version = yield* versionToMake(wishes.roomVersion ?? roomVersionDefault.id)
  const room = yield* beginRoom(sender, version, wishes.creationContent ?? {}, serials, wishes.creatorContent)
  const state = (type: string, stateKey: string, content: JsonObject) =>
    sendLocalEvent(room, { type, sender, stateKey, content })
  if (wishes.powerLevels !== null) {
    yield* state("m.room.power_levels", "", wishes.powerLevels ?? firstLevels(sender, version))
  }
  if (wishes.alias !== undefined) {
    yield* (yield* Aliases).create(sender, wishes.alias, room.roomId)
    yield* state("m.room.canonical_alias", "", { alias: wishes.alias })
  }
  if (wishes.joinRule !== null) {
    yield* state("m.room.join_rules", "", { join_rule: wishes.joinRule ?? "public" })
  }
  for (const { type, stateKey, content } of wishes.initialState ?? []) yield* state(type, stateKey, content)
  return room.roomId
})

/** §POST /createRoom: in room 12 a tombstone must ask for more than other state does. */
export const firstLevels = (creator: string, version: RoomVersion): JsonObject =>
  version.auth.privilegedCreators
    ? { users: {}, events: { "m.room.tombstone": tombstoneLevel } }
    : { users: { [creator]: 100 } }

/** What is asked for a tombstone where creators have infinite power (§POST /createRoom's example). */
export const tombstoneLevel = 150

/** A room with its create event and its creator, who has all power until m.room.power_levels says otherwise. */
export const beginRoom = Effect.fnUntraced(function* (
  sender: string,
  version: RoomVersion,
  creationContent: JsonObject,
  serials: CreationSerials,
  creatorContent: JsonObject = {},
) {
  const nowMs = yield* Clock.currentTimeMillis
  const label = [String(nowMs), String(serials.next(sender, nowMs))]
  const room = yield* commitCreate(sender, version, creationContent, nowMs, label)
  const content = { ...creatorContent, membership: "join" }
  yield* sendLocalEvent(room, { type: "m.room.member", sender, stateKey: sender, content })
  return room
})

/** Commits the create event, by which the room begins to be. */
const commitCreate = Effect.fnUntraced(function* (
  sender: string,
  version: RoomVersion,
  creationContent: JsonObject,
  nowMs: number,
  label: readonly string[],
) {
  const { serverName } = yield* ServerIdentity
  const chance = yield* Chance
  const rooms = yield* Rooms
  const entropy = chance.bytes(12, "room", sender, ...label)
  const opaqueId = `!${encodeBase64(entropy).replaceAll(/[+/]/g, "x")}:${serverName}`
  const creator = version.auth.creator === "content" ? { creator: sender } : {}
  const signed = yield* signAsSelf(
    {
      type: "m.room.create",
      sender,
      state_key: "",
      // In room 12 the id is a hash of this event alone: two rooms made in one millisecond need a difference.
      content: {
        ...creator,
        room_version: version.id,
        ...(version.roomIdIsCreateHash ? { "org.netsplit.entropy": encodeBase64Url(entropy) } : {}),
        ...creationContent,
      },
      origin_server_ts: nowMs,
      depth: 1,
      prev_events: [],
      auth_events: [],
      ...(version.roomIdIsCreateHash ? {} : { room_id: opaqueId }),
    },
    version,
  )
  const create = yield* readOwn(signed, version)
  const room = rooms.make(create.roomId, version)
  yield* whileWriting(
    room,
    Effect.gen(function* () {
      const record = room.dag.examine(create, "new")
      if (record.objection !== undefined) {
        return yield* forbidden(`rejected by ${record.objection.rule}: ${record.objection.reason}`)
      }
      yield* rooms.commit(room, [record])
    }),
  )
  return room
})
