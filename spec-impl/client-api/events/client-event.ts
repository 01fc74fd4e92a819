/** Events as clients get them (client-server API §Room event format). */
import { Clock, Effect } from "effect"
import type { Event } from "../../core/event.ts"
import type { JsonObject, JsonValue } from "../../core/json/value.ts"
import { maySee, userAudience } from "../../federation/history/visibility.ts"
import type { Room } from "../../homeserver/rooms.ts"
import { Requester } from "../client-endpoint.ts"
import { TransactionIds } from "./transaction-ids.ts"

/** Whoever events are shown to, and when. */
export interface Viewer {
  readonly userId: string
  readonly nowMs: number
  /** The transaction id under which the viewer's own device had an event made, if it had. */
  readonly transactionIdOf: (eventId: string) => string | undefined
}

/** Who makes the request at hand, looking now. */
export const viewerNow = Effect.gen(function* () {
  const requester = yield* Requester
  const transactionIds = yield* TransactionIds
  const nowMs = yield* Clock.currentTimeMillis
  const viewer: Viewer = {
    userId: requester.userId,
    nowMs,
    transactionIdOf: (eventId) => transactionIds.of(requester, eventId),
  }
  return viewer
})

/** The event as the viewer may have it where an answer says itself what room it is of: redacted, where it is. */
export const clientEventWithoutRoomId = (room: Room, event: Event, viewer: Viewer): JsonObject => {
  const shown = room.dag.redactions.shown(event)
  return {
    event_id: shown.eventId,
    type: shown.type,
    sender: shown.sender,
    origin_server_ts: shown.originServerTs,
    ...contentOf(shown),
    ...(shown.stateKey === undefined ? {} : { state_key: shown.stateKey }),
    unsigned: unsignedOf(room, event, viewer),
  }
}

/** The same, with the id of its room. */
export const clientEvent = (room: Room, event: Event, viewer: Viewer): JsonObject => ({
  ...clientEventWithoutRoomId(room, event, viewer),
  room_id: room.roomId,
})

/**
 * Rooms 1–10 say beside the content what a redaction is of, later ones in it: clients are to find it in both places
 * (rooms/v11 §Event format).
 */
const contentOf = ({ type, content, redacts }: Event): JsonObject =>
  type === "m.room.redaction" && redacts !== undefined
    ? { content: { ...content, redacts }, redacts }
    : { content }

const unsignedOf = (room: Room, event: Event, viewer: Viewer): JsonObject => {
  const { dag } = room
  const redaction = dag.redactions.of(event)
  const transactionId = viewer.transactionIdOf(event.eventId)
  return {
    age: viewer.nowMs - Number(event.originServerTs),
    ...(redaction === undefined
      ? {}
      : { redacted_because: clientEventWithoutRoomId(room, redaction, viewer) }),
    ...(transactionId === undefined ? {} : { transaction_id: transactionId }),
    ...membershipAt(room, event, viewer),
    ...replacedBy(room, event, viewer),
  }
}

/** Of events whose place in the history is not known nothing is said. */
const membershipAt = ({ dag }: Room, { eventId }: Event, { userId }: Viewer): JsonObject => {
  const record = dag.timeline(eventId)
  if (record === undefined) return {}
  const membership = dag.eventIn(record.stateAfter, "m.room.member", userId)?.content.membership
  return { membership: typeof membership === "string" ? membership : "leave" }
}

/** What a state event took the place of; its content only for who may see that. */
const replacedBy = ({ dag }: Room, { eventId, type, stateKey }: Event, { userId }: Viewer): JsonObject => {
  const record = stateKey === undefined ? undefined : dag.timeline(eventId)
  if (record === undefined || stateKey === undefined) return {}
  const before = dag.eventIn(record.stateBefore, type, stateKey)
  if (before === undefined || before.eventId === eventId) return {}
  const recordBefore = dag.timeline(before.eventId)
  const isSeen = recordBefore !== undefined && maySee(dag, recordBefore, userAudience(userId))
  return {
    replaces_state: before.eventId,
    ...(isSeen ? { prev_content: before.content as JsonValue } : {}),
  }
}
