/** Going in, leaving and knocking by way of a server that is in the room (server-server API §Joining Rooms, §Leaving Rooms, §Knocking). */
import { Clock, Effect } from "effect"
import { without } from "../core/hash.ts"
import type { JsonObject } from "../core/json/value.ts"
import { isJsonObject } from "../core/json/value.ts"
import { FederationClient } from "../federation/client.ts"
import { incompatibleRoomVersion } from "../federation/matrix-error.ts"
import { badAnswer } from "./failures.ts"
import type { OutsideMembership } from "./hosting-memberships.ts"
import { readOwn, signAsSelf } from "./local-events.ts"
import { Outside } from "./outside.ts"
import { putBeforePolicyServerFromOutside } from "./policy-signatures.ts"
import { Rooms } from "./rooms.ts"
import { Settings } from "./settings.ts"
import { readable } from "./told-room-state.ts"

/** §make_join and its kin: the caller must see to it that the template is what it asked for. */
const checkTemplate = (event: JsonObject, roomId: string, userId: string, membership: OutsideMembership) => {
  const isAsked =
    event.type === "m.room.member" &&
    event.room_id === roomId &&
    event.sender === userId &&
    event.state_key === userId &&
    isJsonObject(event.content) &&
    event.content.membership === membership
  return isAsked
    ? Effect.succeed(event)
    : Effect.fail(badAnswer("the resident server made another event than it was asked for"))
}

/**
 * Makes an event of a template that was asked for: dated, hashed and signed by this server. `content` is the membership
 * and what else the user says with it; what the resident server says goes before that.
 */
export const completeTemplate = Effect.fnUntraced(function* (
  made: { readonly room_version?: string; readonly event: JsonObject },
  roomId: string,
  userId: string,
  content: JsonObject & { readonly membership: OutsideMembership },
) {
  const { roomVersions } = yield* Settings
  // Without a room_version the room is of version 1 or 2, whose events are alike.
  const id = made.room_version ?? "1"
  const version = roomVersions.find((known) => known.id === id)
  if (version === undefined) return yield* incompatibleRoomVersion(id)
  const template = yield* checkTemplate(made.event, roomId, userId, content.membership)
  // What the resident server signed or added is no part of this server's event.
  const own = without(template, ["hashes", "signatures", "unsigned"])
  const dated = {
    ...own,
    content: { ...content, ...(own.content as JsonObject) },
    origin_server_ts: yield* Clock.currentTimeMillis,
  }
  const event = yield* readOwn(yield* signAsSelf(dated, version), version).pipe(
    Effect.mapError(({ error }) => badAnswer(`the resident server made no event: ${error}`)),
  )
  return { version, event: yield* putBeforePolicyServerFromOutside(roomId, version, event) }
})

/** Leaves a room that this server is not in: turns down an invite, or takes back a knock. */
export const leaveThrough = Effect.fnUntraced(function* (
  via: string,
  roomId: string,
  userId: string,
  more: JsonObject = {},
) {
  const client = yield* FederationClient
  const made = yield* client.call(via, (api) => api.rooms.makeLeave({ params: { roomId, userId } }))
  const { event } = yield* completeTemplate(made, roomId, userId, { ...more, membership: "leave" })
  const params = { roomId, eventId: event.eventId }
  yield* client.call(via, (api) => api.rooms.sendLeave({ params, payload: event.pdu }))
  return event
})

/** Knocks on a room that this server is not in, and keeps what it is told of the room. */
export const knockThrough = Effect.fnUntraced(function* (
  via: string,
  roomId: string,
  userId: string,
  more: JsonObject = {},
) {
  const client = yield* FederationClient
  const outside = yield* Outside
  const rooms = yield* Rooms
  const { roomVersions } = yield* Settings
  const ver = roomVersions.filter(({ auth }) => auth.knock).map(({ id }) => id)
  const made = yield* client.call(via, (api) =>
    api.rooms.makeKnock({ params: { roomId, userId }, query: { ver } }),
  )
  const { version, event } = yield* completeTemplate(made, roomId, userId, { ...more, membership: "knock" })
  const params = { roomId, eventId: event.eventId }
  const before = outside.standingOf(userId, roomId)
  const answer = yield* client.call(via, (api) => api.rooms.sendKnock({ params, payload: event.pdu }))
  // An invite may come before the answer does: it is the later of the two.
  if (outside.standingOf(userId, roomId) !== before) return event
  yield* outside.stand(userId, roomId, {
    membership: "knock",
    roomVersion: version.id,
    pdu: event.pdu,
    roomState: readable(rooms.find(roomId) ?? rooms.make(roomId, version), answer.knock_room_state),
    via,
  })
  return event
})
