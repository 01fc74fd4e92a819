/**
 * What a server outside a room is told of it, with an invite or in answer to a knock: full events, the create event
 * among them (since v1.16: MSC4311).
 */
import { Effect } from "effect"
import { isJsonObject, type JsonObject } from "../core/json/value.ts"
import { invalidParameter } from "../federation/matrix-error.ts"
import type { Room } from "./rooms.ts"
import { readPdu, vetEvents } from "./vetting.ts"

/** A room tells a handful of events of itself (client-server API §Stripped state); all that are told are kept. */
const toldMax = 100

/**
 * `invite_room_state`, fit to be kept. Each must be an event of this room, signed as it must be, and the create event
 * among them: else 400 M_INVALID_PARAM. In rooms before 12 that is a reading (`invite-room-state`): servers may still
 * send less there, and what is odd is left out.
 */
export const readInviteState = Effect.fnUntraced(function* (room: Room, roomState: readonly JsonObject[]) {
  if (roomState.length > toldMax)
    return yield* invalidParameter(`invite_room_state has more than ${toldMax} events`)
  const isStrict = room.version.roomIdIsCreateHash || room.readings.inviteRoomState === "checked"
  if (!isStrict) return readable(room, roomState)
  const read = roomState.map((pdu) => readPdu(pdu, room, { checkReferenceCounts: false }))
  for (const one of read) {
    if ("problem" in one) return yield* invalidParameter(`invite_room_state: ${one.problem}`)
  }
  const events = read.flatMap((one) => ("event" in one ? [one.event] : []))
  if (!events.some(({ type, stateKey }) => type === "m.room.create" && stateKey === "")) {
    return yield* invalidParameter("invite_room_state has no m.room.create")
  }
  for (const vetted of yield* vetEvents(room, events)) {
    if ("problem" in vetted) return yield* invalidParameter(`invite_room_state: ${vetted.problem}`)
  }
  return events.map(({ pdu }) => pdu)
})

/**
 * Those of `roomState` that say something: events of this room without what is not part of them (`unsigned`), and
 * stripped state of old. Nobody has signed the latter, and of the rest nothing is decided by it: it is for people.
 */
export const readable = (room: Room, roomState: readonly JsonObject[]): readonly JsonObject[] =>
  roomState.flatMap((pdu) => {
    const read = readPdu(pdu, room, { checkReferenceCounts: false })
    if ("event" in read) return [read.event.pdu]
    const { type, sender, state_key, content } = pdu
    const isStripped = typeof type === "string" && typeof sender === "string" && typeof state_key === "string"
    return isStripped && isJsonObject(content) && pdu.room_id === undefined && pdu.hashes === undefined
      ? [{ type, sender, state_key, content }]
      : []
  })
