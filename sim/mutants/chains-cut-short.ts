import type { Event } from "#spec-impl/core/event.ts"
import type { Arrival, Claim, OutlierRecord, TimelineRecord } from "#spec-impl/core/room-dag/event-record.ts"
import { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { type Mutant, withDag } from "./mutant.ts"

/** Asks once for what an event cites, and takes it in whether all of that came or not. */
export class DagCutShort extends RoomDag {
  /** What was not to be had of what events cite. */
  protected readonly holes = new Set<string>()
  readonly #asked = new Set<string>()
  readonly #whole = new WeakMap<Event, Event>()

  override missingAuthEvents(event: Event): readonly string[] {
    if (this.#asked.has(event.eventId)) return []
    const missing = super.missingAuthEvents(event)
    if (missing.length > 0) this.#asked.add(event.eventId)
    return missing
  }

  override bestCopy(event: Event): Event {
    return this.#cut(super.bestCopy(event))
  }

  override examineOutlier(event: Event): OutlierRecord {
    const record = super.examineOutlier(this.#cut(event))
    return { ...record, event: this.#whole.get(record.event) ?? record.event }
  }

  override examine(event: Event, arrival: Arrival, claimed?: Claim): TimelineRecord {
    const record = super.examine(this.#cut(event), arrival, claimed)
    return record.with({ event: this.#whole.get(record.event) ?? record.event })
  }

  #cut(event: Event): Event {
    const authEvents = event.authEvents.filter((cited) => this.holds(cited))
    if (authEvents.length === event.authEvents.length) return event
    for (const cited of super.missingAuthEvents(event)) this.holes.add(cited)
    const cut = { ...event, authEvents }
    this.#whole.set(cut, this.#whole.get(event) ?? event)
    return cut
  }
}

export const chainsCutShort: Mutant = {
  name: "chains-cut-short",
  wrong:
    "an event is kept without what was not to be had of its auth_events, and its auth chain stays so when that comes",
  real: "I15: tuwunel b4e94544a",
  killedBy: "event-graph",
  byHand:
    "the search finds what is not held, as of holes-in-chains; here it comes in the end, and is in no auth chain",
  mutation: withDag(DagCutShort),
}
