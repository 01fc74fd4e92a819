/** What a user does about its own membership: in a room of its server at once, else by way of a server that is in it. */
import { Clock, Effect } from "effect"
import type { Event } from "../core/event.ts"
import { domainOf } from "../core/identifiers.ts"
import { isJsonArray } from "../core/json/value.ts"
import { canonicalIntegerMax } from "../core/limits.ts"
import { invalidParameter } from "../federation/matrix-error.ts"
import type { OutsideStanding } from "../store/event-store.ts"
import { badAnswer } from "./failures.ts"
import { knockThrough, leaveThrough } from "./handshakes.ts"
import { ServerIdentity } from "./identity.ts"
import { joinThrough } from "./joining.ts"
import { type Draft, readOwn, reference, sendLocalEvent, signAsSelf } from "./local-events.ts"
import { Outside } from "./outside.ts"
import { joinedServersIn } from "./room-members.ts"
import { type Room, Rooms } from "./rooms.ts"
import { Settings } from "./settings.ts"

/** Joins by way of the first server that lets the user in: of `via`, then of those that an invite speaks of. */
export const joinRoom = Effect.fnUntraced(function* (userId: string, roomId: string, via: readonly string[]) {
  const outside = yield* Outside
  const room = yield* heldRoom(roomId)
  if (room !== undefined) return yield* sendLocalEvent(room, ownMembership(userId, "join"))
  const event = yield* throughFirst([...via, ...serversOf(outside.standingOf(userId, roomId))], (server) =>
    joinThrough(server, roomId, userId),
  )
  yield* outside.end(userId, roomId)
  return event
})

/** Knocks by way of the first of `via` that takes the knock. */
export const knockOnRoom = Effect.fnUntraced(function* (
  userId: string,
  roomId: string,
  via: readonly string[],
) {
  const room = yield* heldRoom(roomId)
  if (room !== undefined) return yield* sendLocalEvent(room, ownMembership(userId, "knock"))
  return yield* throughFirst(via, (server) => knockThrough(server, roomId, userId))
})

/**
 * Leaves the room, turns down an invite or takes back a knock. Where no server takes it (they are gone, or the user is
 * nothing to the room any more) the user is rid of it all the same, as in Synapse: the room is not told.
 */
export const leaveRoom = Effect.fnUntraced(function* (userId: string, roomId: string) {
  const outside = yield* Outside
  const rooms = yield* Rooms
  const standing = outside.standingOf(userId, roomId)
  if (standing === undefined || (yield* heldRoom(roomId)) !== undefined) {
    return yield* sendLocalEvent(yield* rooms.get(roomId), ownMembership(userId, "leave"))
  }
  const event = yield* throughFirst(serversOf(standing), (server) =>
    leaveThrough(server, roomId, userId),
  ).pipe(
    Effect.catchTags({
      FederationUnreachable: () => leaveUnheard(standing, userId, roomId),
      MatrixError: () => leaveUnheard(standing, userId, roomId),
    }),
  )
  yield* outside.end(userId, roomId)
  return event
})

/** The servers by which a user who stands outside may deal with the room: the nearest, then those of its state's senders. */
const serversOf = (standing: OutsideStanding | undefined): readonly string[] =>
  standing === undefined
    ? []
    : [
        standing.via,
        ...standing.roomState.flatMap(({ sender }) =>
          typeof sender === "string" ? (domainOf(sender) ?? []) : [],
        ),
      ]

/** A leave that follows on the invite or knock, and that only this server's own user is shown. */
const leaveUnheard = Effect.fnUntraced(function* (
  { pdu, roomVersion }: OutsideStanding,
  userId: string,
  roomId: string,
) {
  const { roomVersions } = yield* Settings
  const version = roomVersions.find(({ id }) => id === roomVersion)
  if (version === undefined)
    return yield* badAnswer(`room version ${roomVersion} is not supported here any more`)
  const before: Event = yield* readOwn(pdu, version)
  const depth = Number(before.depth)
  const leave = {
    type: "m.room.member",
    sender: userId,
    state_key: userId,
    room_id: roomId,
    content: { membership: "leave" },
    origin_server_ts: yield* Clock.currentTimeMillis,
    depth: Math.min(depth + 1, canonicalIntegerMax),
    prev_events: [reference(before, version)],
    auth_events: [...(isJsonArray(pdu.auth_events) ? pdu.auth_events : []), reference(before, version)],
  }
  return yield* readOwn(yield* signAsSelf(leave, version), version)
})

/** The room, if this server is in it. */
export const heldRoom = Effect.fnUntraced(function* (roomId: string) {
  const rooms = yield* Rooms
  const { serverName } = yield* ServerIdentity
  const room = rooms.find(roomId)
  return room !== undefined && isResident(room, serverName) ? room : undefined
})

const ownMembership = (userId: string, membership: string): Draft => ({
  type: "m.room.member",
  sender: userId,
  stateKey: userId,
  content: { membership },
})

/** What the first server gives that does not refuse; the last refusal where all do. */
const throughFirst = Effect.fnUntraced(function* <A, E, R>(
  via: readonly string[],
  attempt: (server: string) => Effect.Effect<A, E, R>,
) {
  const { serverName } = yield* ServerIdentity
  const [first, ...others] = new Set(via.filter((server) => server !== serverName))
  if (first === undefined)
    return yield* invalidParameter("no server is named by which the room can be reached")
  return yield* others.reduce((before, server) => Effect.catch(before, () => attempt(server)), attempt(first))
})

const isResident = (room: Room, serverName: string): boolean =>
  joinedServersIn(room.dag, room.dag.currentState()).has(serverName)
