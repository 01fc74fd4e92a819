/** User after user joining a large room by way of the target, each after the one before. */
import { compareCodePoints } from "#spec-impl/core/json/encode.ts"
import { pathOf, type Relation, signRequest } from "../requests.ts"
import { type MadeEvent, type RoomMaker, stateDigest } from "../room-maker.ts"
import type { CorpusStep } from "../transactions.ts"
import { askMakeJoin } from "./reading.ts"

/** The joins of users whom the room has not seen. */
export class Crowd {
  readonly room: RoomMaker
  readonly #relation: Relation
  readonly #state: string[]
  readonly #omitMembers: boolean
  #last: readonly (MadeEvent | string)[]
  #joined = 0

  constructor(room: RoomMaker, relation: Relation, omitMembers: boolean) {
    this.room = room
    this.#relation = relation
    this.#omitMembers = omitMembers
    this.#last = room.extremities()
    this.#state = room.dag.eventIdsIn(room.dag.currentState()).sort(compareCodePoints)
  }

  /** The two requests by which the next user joins. */
  join(): readonly CorpusStep[] {
    const { room } = this
    const userId = `@storm${this.#joined++}:${this.#relation.origin}`
    const said = {
      type: "m.room.member",
      sender: userId,
      stateKey: userId,
      content: { membership: "join" },
    }
    const event = room.make(said, this.#last, room.authEvents(said, room.dag.currentState()))
    const after = { tips: [event.eventId], state: stateDigest(this.#state) }
    this.#last = [event]
    this.#state.push(event.eventId)
    const request = signRequest(this.#relation, {
      method: "PUT",
      path: `${pathOf("v2", "send_join", room.roomId, event.eventId)}${this.#omitMembers ? "?omit_members=true" : ""}`,
      endpoint: "send_join",
      body: event.text,
    })
    const template = askMakeJoin(this.#relation, room.roomId, userId, room.version.id)
    return [
      { request: template, events: [] },
      { request, events: [event], after },
    ]
  }
}
