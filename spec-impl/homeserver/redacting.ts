/** Redacting events (client-server API §Redactions, rooms/v3 §Handling redactions). */
import { Effect } from "effect"
import { forbidden, notFound } from "../federation/matrix-error.ts"
import { type Draft, sendLocalEvent } from "./local-events.ts"
import { Rooms } from "./rooms.ts"

/**
 * Redacts an event of the room in the name of a user of this server: 404 where it is not held, 403 where the redaction
 * would not apply. Rooms 1–10 name the event beside the content, later ones in it.
 */
export const redactEventOf = Effect.fnUntraced(function* (
  sender: string,
  roomId: string,
  eventId: string,
  reason: string | undefined,
) {
  const rooms = yield* Rooms
  const room = yield* rooms.get(roomId)
  const isInContent = room.version.redaction.redactsIn === "content"
  const draft: Draft = {
    type: "m.room.redaction",
    sender,
    stateKey: undefined,
    content: {
      ...(isInContent ? { redacts: eventId } : {}),
      ...(reason === undefined ? {} : { reason }),
    },
    ...(isInContent ? {} : { redacts: eventId }),
  }
  // The rules let most users send redactions that nobody then applies: a user is told at once.
  const target = room.dag.record(eventId)?.event
  if (target === undefined) return yield* notFound(`event ${eventId} is not held here`)
  if (!room.dag.redactions.mayRedact(sender, target.sender, room.dag.currentState())) {
    return yield* forbidden(`${sender} may not redact events of ${target.sender}`)
  }
  return yield* sendLocalEvent(room, draft)
})
