/** Client-server API §Getting events for a room: the receiving half. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { ClientApi } from "../api.ts"
import { clientEvent, viewerNow } from "./client-event.ts"
import {
  eventsIn,
  readableState,
  readContext,
  readEvent,
  readJoinedMembers,
  readMembers,
  readMessages,
  readState,
} from "./reading.ts"

export const EventsReceive = HttpApiBuilder.group(ClientApi, "events", (handlers) =>
  handlers
    .handle("event", ({ params: { roomId, eventId } }) => readEvent(roomId, eventId))
    .handle("state", ({ params: { roomId } }) =>
      Effect.gen(function* () {
        const { reader, state } = yield* readableState(roomId)
        const viewer = yield* viewerNow
        return eventsIn(reader.room, state).map((event) => clientEvent(reader.room, event, viewer))
      }),
    )
    .handle("stateWithoutKey", ({ params: { roomId, eventType }, query }) =>
      readState(roomId, eventType, "", query.format),
    )
    .handle("stateWithEmptyKey", ({ params: { roomId, eventType }, query }) =>
      readState(roomId, eventType, "", query.format),
    )
    .handle("stateWithKey", ({ params: { roomId, eventType, stateKey }, query }) =>
      readState(roomId, eventType, stateKey, query.format),
    )
    .handle("members", ({ params: { roomId }, query }) =>
      Effect.map(readMembers(roomId, query), (chunk) => ({ chunk })),
    )
    .handle("joinedMembers", ({ params: { roomId } }) =>
      Effect.map(readJoinedMembers(roomId), (joined) => ({ joined })),
    )
    .handle("messages", ({ params: { roomId }, query }) => readMessages(roomId, query))
    .handle("context", ({ params: { roomId, eventId }, query }) => readContext(roomId, eventId, query)),
)
