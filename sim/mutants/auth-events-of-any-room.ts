import type { Event } from "#spec-impl/core/event.ts"
import type { EventRecord } from "#spec-impl/core/room-dag/event-record.ts"
import { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { type Mutant, withoutRule } from "./mutant.ts"

/** Rooms of one server, which finds an event by its id alone, whatever room it is of. */
const withCommonEvents = (): typeof RoomDag => {
  const rooms: RoomDag[] = []
  const heldIn = (eventId: string): EventRecord | undefined => {
    for (const { held } of rooms) {
      const record = held.record(eventId)
      if (record !== undefined) return record
    }
    return undefined
  }
  return class extends RoomDag {
    constructor(...given: ConstructorParameters<typeof RoomDag>) {
      super(...given)
      rooms.push(this)
    }

    override record(eventId: string): EventRecord | undefined {
      return super.record(eventId) ?? heldIn(eventId)
    }

    /** State is resolved by the events of the room: what is part of it must be whole there. */
    override missingAuthEvents(event: Event): readonly string[] {
      const missing = super.missingAuthEvents(event)
      return event.stateKey === undefined
        ? missing.filter((eventId) => heldIn(eventId) === undefined)
        : missing
    }
  }
}

const { settings: withoutTheRule } = withoutRule("an auth event is of another room")

export const authEventsOfAnyRoom: Mutant = {
  name: "auth-events-of-any-room",
  wrong: "auth events are looked up by their ids alone, so that those of another room are as good as any",
  real: "I20: Synapse up to 1.7; MSC4307; sytest 31room-send.pl",
  killedBy: "shown-events",
  wishes: { roomVersions: ["10"], hostile: true },
  mutation: { settings: (settings) => ({ ...withoutTheRule?.(settings), roomDag: withCommonEvents() }) },
}
