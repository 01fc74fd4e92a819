/** Leaving and knocking: in a room of the user's server at once, else by way of a server that is in it. */
import { Clock, Effect } from "effect"
import type { Event } from "../core/event.ts"
import { isJsonArray, type JsonObject } from "../core/json/value.ts"
import { authEventsMax, canonicalIntegerMax } from "../core/limits.ts"
import type { OutsideStanding } from "../store/event-store.ts"
import { badAnswer } from "./failures.ts"
import { knockThrough, leaveThrough } from "./handshakes.ts"
import { JoinsInFlight } from "./joins-in-flight.ts"
import { type Draft, readOwn, reference, sendLocalEvent, signAsSelf } from "./local-events.ts"
import { heldRoom, serversOf, throughFirst } from "./local-joins.ts"
import { Outside } from "./outside.ts"
import { Rooms } from "./rooms.ts"
import { Settings } from "./settings.ts"

/**
 * Knocks by way of the first of `via` that takes the knock. What is pushed of the room meanwhile waits, as with joins: it
 * may be that the knock is refused. `more` is further content of the event.
 */
export const knockOnRoom = Effect.fnUntraced(function* (
  userId: string,
  roomId: string,
  via: readonly string[],
  more: JsonObject = {},
) {
  const room = yield* heldRoom(roomId)
  if (room !== undefined) return yield* sendLocalEvent(room, ownMembership(userId, "knock", more))
  const joins = yield* JoinsInFlight
  return yield* joins.inTurn(
    roomId,
    throughFirst(via, (server) => knockThrough(server, roomId, userId, more)),
  )
})

/**
 * Leaves the room, turns down an invite or takes back a knock. Who stands outside does so in turn with joins: who is
 * told of it hangs on whether the user's server is in the room.
 */
export const leaveRoom = Effect.fnUntraced(function* (userId: string, roomId: string, more: JsonObject = {}) {
  const leave = leaveNow(userId, roomId, more)
  return yield* (yield* heldRoom(roomId)) === undefined ? (yield* JoinsInFlight).inTurn(roomId, leave) : leave
})

/**
 * Where no server takes the leave of who is outside (they are gone, or the user is nothing to the room any more) the user
 * is rid of it all the same, as in Synapse: the room is not told.
 */
const leaveNow = Effect.fnUntraced(function* (userId: string, roomId: string, more: JsonObject) {
  const outside = yield* Outside
  const rooms = yield* Rooms
  const standing = outside.standingOf(userId, roomId)
  if (standing === undefined || (yield* heldRoom(roomId)) !== undefined) {
    const left = yield* sendLocalEvent(yield* rooms.get(roomId), ownMembership(userId, "leave", more))
    yield* outside.end(userId, roomId)
    return left
  }
  const event = yield* throughFirst(serversOf(standing), (server) =>
    leaveThrough(server, roomId, userId, more),
  ).pipe(
    Effect.catchTags({
      FederationUnreachable: () => leaveUnheard(standing, userId, roomId, more),
      MatrixError: () => leaveUnheard(standing, userId, roomId, more),
    }),
  )
  // Meanwhile the user may have been invited anew.
  if (outside.standingOf(userId, roomId) === standing) yield* outside.end(userId, roomId)
  return event
})

/** A leave that follows on the invite or knock, and that only this server's own user is shown. */
const leaveUnheard = Effect.fnUntraced(function* (
  { pdu, roomVersion }: OutsideStanding,
  userId: string,
  roomId: string,
  more: JsonObject,
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
    content: { ...more, membership: "leave" },
    origin_server_ts: yield* Clock.currentTimeMillis,
    depth: Math.min(depth + 1, canonicalIntegerMax),
    prev_events: [reference(before, version)],
    // An event cites no more than that: of the invite's own the last is least likely to be one of a leave's.
    auth_events: [
      ...(isJsonArray(pdu.auth_events) ? pdu.auth_events : []).slice(0, authEventsMax - 1),
      reference(before, version),
    ],
  }
  return yield* readOwn(yield* signAsSelf(leave, version), version)
})

const ownMembership = (userId: string, membership: string, more: JsonObject): Draft => ({
  type: "m.room.member",
  sender: userId,
  stateKey: userId,
  content: { ...more, membership },
})
