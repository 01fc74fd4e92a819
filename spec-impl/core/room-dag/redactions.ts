/**
 * Which events of a room are redacted, and what is shown of them (client-server API §Redactions, rooms/v3 §Handling
 * redactions).
 *
 * A view of what is held, worked out anew whenever it is asked for. Nothing is decided anew by a redaction: the rules
 * and state resolution go on reading each event as it first came. So servers that learn of a redaction at different
 * times, or not at all, come to the same verdicts. A server that was only ever given the redacted copy judges by
 * that: in rooms where redaction takes what the rules read, it can part from the others (MSC3375).
 */
import { PowerLevels } from "../auth-rules/power-levels.ts"
import type { Event } from "../event.ts"
import { redactEvent } from "../event-format.ts"
import { domainOf } from "../identifiers.ts"
import type { RoomVersion } from "../room-version.ts"
import type { AuthGraph } from "../state-resolution/auth-graph.ts"
import type { StateMap } from "../state-resolution/state-map.ts"
import { viewOfState } from "./auth-views.ts"
import type { EventRecord, TimelineRecord } from "./event-record.ts"

/** What is asked of the room. */
interface RedactedRoom {
  readonly rules: { readonly version: RoomVersion }
  readonly graph: AuthGraph
  readonly create: () => Event | undefined
}

/** Whether `record` may redact something: an accepted redaction, whose place in the history is known. */
const isRedaction = (record: EventRecord): record is TimelineRecord =>
  record.place === "timeline" && record.verdict === "accepted" && record.event.redacts !== undefined

export class Redactions {
  readonly #room: RedactedRoom
  /** By the id of the event that they name, which need not be held yet. */
  readonly #redactions = new Map<string, TimelineRecord[]>()
  readonly #copies = new WeakMap<Event, Event>()

  constructor(room: RedactedRoom) {
    this.#room = room
  }

  /** Takes note of what came in. */
  note(record: EventRecord): void {
    const target = isRedaction(record) ? record.event.redacts : undefined
    if (target === undefined) return
    const known = this.#redactions.get(target)
    if (known === undefined) this.#redactions.set(target, [record as TimelineRecord])
    else known.push(record as TimelineRecord)
  }

  /** Whether `redaction` is one of the event, and applies. */
  applies(redaction: EventRecord, { eventId, sender }: Event): boolean {
    return (
      isRedaction(redaction) &&
      redaction.event.redacts === eventId &&
      this.mayRedact(redaction.event.sender, sender, redaction.stateBefore)
    )
  }

  /**
   * Whether a user's accepted redaction of another's event applies: in rooms 1 and 2 the rules have said so (rule 11);
   * in later ones the user must have the power to redact in the state before it, or be of the other's server.
   */
  mayRedact(userId: string, author: string, stateBefore: StateMap): boolean {
    const { graph, rules } = this.#room
    if (rules.version.redaction.application === "decided-by-auth") return true
    if (domainOf(userId) === domainOf(author)) return true
    const powerLevels = viewOfState(graph, stateBefore).get("m.room.power_levels", "")
    const levels = new PowerLevels(powerLevels, this.#room.create(), rules.version)
    return levels.ofUser(userId) >= levels.scalar("redact")
  }

  /** The redaction of the event, the first that came where there are several; undefined where none applies. */
  of(event: Event): Event | undefined {
    return this.#redactions.get(event.eventId)?.find((redaction) => this.applies(redaction, event))?.event
  }

  /** The event as users and other servers get it: redacted, where it is. */
  shown(event: Event): Event {
    return this.of(event) === undefined ? event : this.redacted(event)
  }

  /** What redaction leaves of the event: the same object each time. */
  redacted(event: Event): Event {
    const known = this.#copies.get(event)
    if (known !== undefined) return known
    const copy = redactEvent(event, this.#room.rules.version)
    this.#copies.set(event, copy)
    return copy
  }
}
