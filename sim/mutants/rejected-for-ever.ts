import { Context, Effect } from "effect"
import { parseEvent } from "#spec-impl/core/event-format.ts"
import { isJsonObject, type JsonValue } from "#spec-impl/core/json/value.ts"
import type { TimelineRecord } from "#spec-impl/core/room-dag/event-record.ts"
import { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { roomIdIn } from "#spec-impl/homeserver/incoming-pdus.ts"
import { Rooms } from "#spec-impl/homeserver/rooms.ts"
import { withIncoming } from "./incoming.ts"
import type { Mutant } from "./mutant.ts"

class Dag extends RoomDag {
  readonly #cameTooEarly = new Set<string>()

  /** What was not taken in, for something that it rests on was not to be had. */
  noteRefused(pdu: JsonValue): void {
    const parsed = isJsonObject(pdu) ? parseEvent(pdu, this.rules.version) : undefined
    if (parsed === undefined || "problem" in parsed || this.holds(parsed.event.eventId)) return
    const { event } = parsed
    const missing = [...this.missingPrevEvents(event), ...this.missingAuthEvents(event)]
    if (missing.length > 0) this.#cameTooEarly.add(event.eventId)
  }

  override examine(...asked: Parameters<RoomDag["examine"]>): TimelineRecord {
    const record = super.examine(...asked)
    if (record.verdict !== "accepted" || !this.#cameTooEarly.has(record.event.eventId)) return record
    return record.with({
      verdict: "rejected",
      objection: { check: 5, rule: "none", reason: "it came before what it rests on" },
      stateAfter: record.stateBefore,
    })
  }
}

export const rejectedForEver: Mutant = {
  name: "rejected-for-ever",
  wrong:
    "an event that came before what it rests on was to be had is rejected, and stays so when it comes once more after that",
  real: "I25: Complement TestUnrejectRejectedEvents; synapse#13413 is the reverse",
  killedBy: "verdicts",
  mutation: {
    settings: () => ({ roomDag: Dag }),
    services: (services) =>
      withIncoming(
        (receive) => (origin, transactionId, pdus, edus) =>
          Effect.tap(receive(origin, transactionId, pdus, edus), () =>
            Effect.sync(() => {
              for (const pdu of pdus) {
                const dag = Context.get(services, Rooms).find(roomIdIn(pdu))?.dag
                if (dag instanceof Dag) dag.noteRefused(pdu)
              }
            }),
          ),
      )(services),
  },
}
