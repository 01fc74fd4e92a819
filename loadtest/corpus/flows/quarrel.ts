/**
 * A forked room: at each level two administrators change the same piece of state at once, both after the two events of
 * the level before. So every event stands on two states in conflict, and the room never closes its fork.
 */
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import type { Relation } from "../requests.ts"
import type { MadeEvent, RoomMaker, Said } from "../room-maker.ts"
import { type CorpusStep, transaction } from "../transactions.ts"

/** Every eighth level is about power, whose events decide what those after them may do. */
const powerLevelsEvery = 8

/** The quarrel of the first two users of a room, who must have the power for it. */
export class Quarrel {
  readonly room: RoomMaker
  readonly #relation: Relation
  readonly #powerLevels: JsonObject
  #last: readonly (MadeEvent | string)[]
  #levels = 0

  constructor(room: RoomMaker, relation: Relation) {
    this.room = room
    this.#relation = relation
    this.#last = room.extremities()
    const { dag } = room
    this.#powerLevels = dag.eventIn(dag.currentState(), "m.room.power_levels", "")?.content ?? {}
  }

  /** A transaction with the next level. */
  send(): CorpusStep {
    const level = this.#levels++
    const { dag } = this.room
    const state = dag.stateBeforeChildOf(
      this.#last.map((parent) => (typeof parent === "string" ? parent : parent.eventId)),
    )
    const events = [0, 1].map((side) => {
      const said = this.#change(level, side)
      return this.room.make(said, this.#last, this.room.authEvents(said, state))
    })
    for (const { pdu } of events) this.room.take(pdu)
    this.#last = events
    return {
      request: transaction(this.#relation, this.room, `quarrel-${level}`, events),
      events,
      after: { tips: events.map(({ eventId }) => eventId), state: this.room.digestOf(state) },
    }
  }

  #change(level: number, side: number): Said {
    const sender = this.room.users[side]!
    return level % powerLevelsEvery === powerLevelsEvery - 1
      ? {
          type: "m.room.power_levels",
          sender,
          stateKey: "",
          content: { ...this.#powerLevels, events_default: 0, invite: (level + side) % 50 },
        }
      : { type: "m.room.topic", sender, stateKey: "", content: { topic: `${side} says ${level}` } }
  }
}
