/** Redacting events (client-server API §Redactions, rooms/v3 §Handling redactions). */
import { Effect } from "effect"
import { without } from "../core/hash.ts"
import type { JsonObject } from "../core/json/value.ts"
import { forbidden, notFound } from "../federation/matrix-error.ts"
import { type Draft, sendLocalEvent, type WithEvent } from "./local-events.ts"
import { Rooms } from "./rooms.ts"

/**
 * Redacts an event of the room in the name of a user of this server: 404 where it is not held, 403 where the redaction
 * would not apply. `content` is what else it says. Rooms 1–10 name the event beside the content, later ones in it.
 */
export const redactEventOf = Effect.fnUntraced(function* (
  sender: string,
  roomId: string,
  eventId: string,
  content: JsonObject,
  kept?: WithEvent,
) {
  const rooms = yield* Rooms
  const room = yield* rooms.get(roomId)
  const isInContent = room.version.redaction.redactsIn === "content"
  const draft: Draft = {
    type: "m.room.redaction",
    sender,
    stateKey: undefined,
    content: isInContent ? { ...content, redacts: eventId } : without(content, ["redacts"]),
    ...(isInContent ? {} : { redacts: eventId }),
  }
  // The rules let most users send redactions that nobody then applies: a user is told at once.
  const target = room.dag.record(eventId)?.event
  if (target === undefined) return yield* notFound(`event ${eventId} is not held here`)
  if (!room.dag.redactions.mayRedact(sender, target.sender, room.dag.currentState())) {
    return yield* forbidden(`${sender} may not redact events of ${target.sender}`)
  }
  return yield* sendLocalEvent(room, draft, kept)
})
