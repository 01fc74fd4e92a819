/** For tests: the rooms of a store with their events. */
import { Effect } from "effect"
import type { EventStore, EventWrite } from "../event-store.ts"

/** By room id in code-point order, each with its events in the order in which they were first committed. */
export const keptRooms = (store: EventStore["Service"]) =>
  Effect.gen(function* () {
    const events: EventWrite[] = []
    yield* store.events("all", (event) => void events.push(event))
    return (yield* store.rooms).map((room) => ({
      ...room,
      events: events.filter(({ roomId }) => roomId === room.roomId),
    }))
  })
