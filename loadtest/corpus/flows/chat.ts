/** People talking: one message after the other, none of which changes the room's state. */
import type { JsonValue } from "#spec-impl/core/json/value.ts"
import type { Relation } from "../requests.ts"
import type { MadeEvent, RoomMaker, Said } from "../room-maker.ts"
import { type CorpusStep, transaction } from "../transactions.ts"

const filler =
  "the federation is a graph of rooms, and every server holds its own copy of each: what it has seen, what it " +
  "believes of it, and what it has been told by others, which may well be something else altogether"

/** A chat that goes on from the end of a room. */
export class Chat {
  readonly room: RoomMaker
  readonly #relation: Relation
  readonly #authEvents = new Map<string, readonly JsonValue[]>()
  readonly #state: string
  #last: readonly (MadeEvent | string)[]
  #said = 0
  #transactions = 0

  constructor(room: RoomMaker, relation: Relation) {
    this.room = room
    this.#relation = relation
    this.#last = room.extremities()
    this.#state = room.digestOf(room.dag.currentState())
  }

  /** A message by the next of the users. */
  say(): MadeEvent {
    const nth = this.#said++
    const sender = this.room.users[nth % this.room.users.length]!
    const body = `${nth}: ${filler.slice(0, 20 + ((nth * 37) % 160))}`
    const said: Said = { type: "m.room.message", sender, content: { body, msgtype: "m.text" } }
    let authEvents = this.#authEvents.get(sender)
    if (authEvents === undefined) {
      authEvents = this.room.authEvents(said, this.room.dag.currentState())
      this.#authEvents.set(sender, authEvents)
    }
    const event = this.room.make(said, this.#last, authEvents)
    this.#last = [event]
    return event
  }

  /** A transaction of that many messages. */
  send(count: number, label = "chat"): CorpusStep {
    const events = Array.from({ length: count }, () => this.say())
    const request = transaction(this.#relation, this.room, `${label}-${this.#transactions++}`, events)
    return { request, events, after: { tips: [events.at(-1)!.eventId], state: this.#state } }
  }
}
