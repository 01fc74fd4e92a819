/** What this server's own users can do: the one way in, for the simulator and for a client-server API. */
import { Clock, Context, Effect, Layer } from "effect"
import { encodeBase64, encodeBase64Url } from "../core/base64.ts"
import type { Event } from "../core/event.ts"
import { domainOf } from "../core/identifiers.ts"
import type { JsonObject } from "../core/json/value.ts"
import { type RoomVersion, roomVersionDefault } from "../core/room-version.ts"
import type { FederationClient, FederationUnreachable } from "../federation/client.ts"
import { forbidden, type MatrixError } from "../federation/matrix-error.ts"
import type { StoreFailure } from "../store/event-store.ts"
import { whileWriting } from "./admission.ts"
import { Chance } from "./chance.ts"
import type { Destinations } from "./destinations.ts"
import { unsupportedRoomVersion } from "./failures.ts"
import { knockThrough, leaveThrough } from "./handshakes.ts"
import { ServerIdentity } from "./identity.ts"
import { invite } from "./invitations.ts"
import type { JoinsInFlight } from "./joins-in-flight.ts"
import type { KeyRing } from "./key-ring.ts"
import { type Draft, readOwn, sendLocalEvent, signAsSelf } from "./local-events.ts"
import { heldRoom, joinRoom, throughFirst } from "./local-joins.ts"
import { Outside } from "./outside.ts"
import type { Resyncs } from "./resyncs.ts"
import { Rooms } from "./rooms.ts"
import { Settings } from "./settings.ts"
import type { Signatures } from "./signatures/signatures.ts"

/** What a new room is to be; a room that says nothing is public, its creator at 100. */
export interface RoomWishes {
  readonly roomVersion?: string
  readonly joinRule?: string
  /** Replaces the whole content of the first m.room.power_levels. */
  readonly powerLevels?: JsonObject
  readonly initialState?: readonly {
    readonly type: string
    readonly stateKey: string
    readonly content: JsonObject
  }[]
  /** Further content of m.room.create. */
  readonly creationContent?: JsonObject
}

type ActionError = MatrixError | FederationUnreachable | StoreFailure
type Action<A> = Effect.Effect<A, ActionError>

export class LocalUsers extends Context.Service<
  LocalUsers,
  {
    /** Gives the id of the new room, with the creator joined. */
    readonly createRoom: (sender: string, wishes: RoomWishes) => Action<string>
    /**
     * Joins at once where this server is in the room, or by way of who invited the user, or of the first of `via` that
     * lets the user in. Fails with what the room itself says (403), or the last server.
     */
    readonly join: (userId: string, roomId: string, via: readonly string[]) => Action<Event>
    readonly send: (sender: string, roomId: string, type: string, content: JsonObject) => Action<Event>
    readonly setState: (
      sender: string,
      roomId: string,
      type: string,
      stateKey: string,
      content: JsonObject,
    ) => Action<Event>
    /** A user of another server is asked there first: what that refuses is never part of the room. */
    readonly invite: (sender: string, roomId: string, target: string) => Action<Event>
    /** By way of the first of `via` that takes the knock, or at once where this server is in the room. */
    readonly knock: (userId: string, roomId: string, via: readonly string[]) => Action<Event>
    readonly kick: (sender: string, roomId: string, target: string, reason?: string) => Action<Event>
    readonly ban: (sender: string, roomId: string, target: string, reason?: string) => Action<Event>
    readonly unban: (sender: string, roomId: string, target: string) => Action<Event>
    /** Also turns down an invite, and takes back a knock. */
    readonly leave: (userId: string, roomId: string) => Action<Event>
  }
>()("netsplit/LocalUsers") {
  static readonly layer = Layer.effect(
    LocalUsers,
    Effect.gen(function* () {
      const { serverName } = yield* ServerIdentity
      const rooms = yield* Rooms
      const services = yield* Effect.context<Services>()

      const serials = new CreationSerials()

      const act = <A>(userId: string, action: Effect.Effect<A, ActionError, Services>): Action<A> =>
        domainOf(userId) === serverName
          ? Effect.provide(action, services)
          : Effect.fail(forbidden(`${userId} is not a user of ${serverName}`))

      const inRoom = (roomId: string, draft: Draft): Action<Event> =>
        act(
          draft.sender,
          Effect.flatMap(rooms.get(roomId), (room) => sendLocalEvent(room, draft)),
        )

      const setMembership = (
        sender: string,
        roomId: string,
        target: string,
        content: JsonObject,
      ): Action<Event> => inRoom(roomId, { type: "m.room.member", sender, stateKey: target, content })

      const withReason = (membership: string, reason: string | undefined): JsonObject =>
        reason === undefined ? { membership } : { membership, reason }

      return LocalUsers.of({
        createRoom: (sender, wishes) => act(sender, createRoom(sender, wishes, serials)),
        join: (userId, roomId, via) => act(userId, joinRoom(userId, roomId, via)),
        send: (sender, roomId, type, content) =>
          inRoom(roomId, { type, sender, content, stateKey: undefined }),
        setState: (sender, roomId, type, stateKey, content) =>
          inRoom(roomId, { type, sender, stateKey, content }),
        invite: (sender, roomId, target) =>
          act(
            sender,
            Effect.flatMap(rooms.get(roomId), (room) => invite(room, sender, target)),
          ),
        knock: (userId, roomId, via) => act(userId, knock(userId, roomId, via)),
        kick: (sender, roomId, target, reason) =>
          setMembership(sender, roomId, target, withReason("leave", reason)),
        ban: (sender, roomId, target, reason) =>
          setMembership(sender, roomId, target, withReason("ban", reason)),
        unban: (sender, roomId, target) => setMembership(sender, roomId, target, { membership: "leave" }),
        leave: (userId, roomId) => act(userId, leave(userId, roomId)),
      })
    }),
  )
}

type Services =
  | Chance
  | Destinations
  | FederationClient
  | JoinsInFlight
  | KeyRing
  | Outside
  | Resyncs
  | Rooms
  | ServerIdentity
  | Settings
  | Signatures

/** Tells rooms apart that one user makes in one millisecond. */
class CreationSerials {
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

/** The events of a new room, in the order of the client-server API's §Creation. */
const createRoom = Effect.fnUntraced(function* (
  sender: string,
  wishes: RoomWishes,
  serials: CreationSerials,
) {
  const { roomVersions } = yield* Settings
  const asked = wishes.roomVersion ?? roomVersionDefault.id
  const version = roomVersions.find((known) => known.id === asked)
  if (version === undefined)
    return yield* unsupportedRoomVersion(`room version ${asked} is not supported here`)
  const nowMs = yield* Clock.currentTimeMillis
  const label = [String(nowMs), String(serials.next(sender, nowMs))]
  const room = yield* beginRoom(sender, version, wishes.creationContent ?? {}, nowMs, label)
  const state = (type: string, stateKey: string, content: JsonObject) =>
    sendLocalEvent(room, { type, sender, stateKey, content })
  yield* state("m.room.member", sender, { membership: "join" })
  const creatorLevel = version.auth.privilegedCreators ? {} : { [sender]: 100 }
  yield* state("m.room.power_levels", "", wishes.powerLevels ?? { users: creatorLevel })
  yield* state("m.room.join_rules", "", { join_rule: wishes.joinRule ?? "public" })
  for (const { type, stateKey, content } of wishes.initialState ?? []) yield* state(type, stateKey, content)
  return room.roomId
})

/** Commits the create event, by which the room begins to be. */
const beginRoom = Effect.fnUntraced(function* (
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

const knock = Effect.fnUntraced(function* (userId: string, roomId: string, via: readonly string[]) {
  const room = yield* heldRoom(roomId)
  if (room !== undefined) return yield* sendLocalEvent(room, ownMembership(userId, "knock"))
  return yield* throughFirst(via, (server) => knockThrough(server, roomId, userId))
})

const leave = Effect.fnUntraced(function* (userId: string, roomId: string) {
  const outside = yield* Outside
  const standing = outside.standingOf(userId, roomId)
  const rooms = yield* Rooms
  if (standing === undefined || (yield* heldRoom(roomId)) !== undefined) {
    return yield* sendLocalEvent(yield* rooms.get(roomId), ownMembership(userId, "leave"))
  }
  const event = yield* leaveThrough(standing.via, roomId, userId)
  yield* outside.end(userId, roomId)
  return event
})

const ownMembership = (userId: string, membership: string): Draft => ({
  type: "m.room.member",
  sender: userId,
  stateKey: userId,
  content: { membership },
})
