/**
 * What users are shown was accepted, and by right: no rejected event, no soft-failed one (§Rejection, §Soft failure),
 * and none that the rules of the room reject, whatever the server made of it.
 */

import type { TraceRecord } from "../kernel/trace.ts"
import { objectionOfCitations, objectionOfState } from "./by-the-rules.ts"
import type { Check } from "./check.ts"
import { problemsByRoom } from "./whole-rooms.ts"

export const shownEvents: Check = {
  name: "shown-events",
  about: "clients are told of no event that was not accepted, or that the authorisation rules do not allow",
  watch: (world) => {
    const order = new OrderOfVerdicts()
    return {
      onRecord: (record) => {
        order.note(record)
        return []
      },
      atEnd: () =>
        problemsByRoom(world, ({ roomId, dag, timeline }, server) =>
          [...timeline].flatMap(({ record: { event } }) => {
            const { eventId } = event
            const record = dag.timeline(eventId)
            if (record?.verdict !== "accepted") return [`${eventId} is shown, and was not accepted`]
            const stoodThen = (cited: string) => order.wasPlacedAfter(`${server} ${roomId}`, cited, eventId)
            const objection =
              objectionOfCitations(dag, event, stoodThen) ??
              objectionOfState(dag, event, record.stateBefore, 5)
            return objection === undefined
              ? []
              : [`${eventId} is shown, against rule ${objection.rule}: ${objection.reason}`]
          }),
        ),
    }
  },
}

/**
 * Check 4 asks what was rejected by the time that an event comes. An outlier that was accepted then, by its own
 * auth_events, may be rejected by check 5 once its place in the history is found: what cited it before stays
 * (`core/room-dag/event-record.ts`).
 */
class OrderOfVerdicts {
  #now = 0
  /** By server, room and event: when it was accepted first, and when its place was found. */
  readonly #accepted = new Map<string, number>()
  readonly #placed = new Map<string, number>()

  note({ kind, fields }: TraceRecord): void {
    if (kind !== "event") return
    const [server, roomId, eventId, place, verdict] = fields.map(String)
    const key = `${server} ${roomId} ${eventId}`
    this.#now++
    if (place === "timeline") {
      if (!this.#placed.has(key)) this.#placed.set(key, this.#now)
    } else this.#forget(key)
    if (verdict !== "rejected" && !this.#accepted.has(key)) this.#accepted.set(key, this.#now)
  }

  /** As an outlier an event comes once, unless the server holds the room anew. */
  #forget(key: string): void {
    this.#accepted.delete(key)
    this.#placed.delete(key)
  }

  /** Whether `cited` had been accepted as an outlier, and `eventId` too, before the place of `cited` was found. */
  wasPlacedAfter(room: string, cited: string, eventId: string): boolean {
    const [acceptedFirst, placed] = [
      this.#accepted.get(`${room} ${cited}`),
      this.#placed.get(`${room} ${cited}`),
    ]
    const accepted = this.#accepted.get(`${room} ${eventId}`)
    return (
      acceptedFirst !== undefined &&
      placed !== undefined &&
      accepted !== undefined &&
      acceptedFirst < accepted &&
      accepted < placed
    )
  }
}
