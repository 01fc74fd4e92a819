/** What many virtual servers of one process keep alike is held once: of the newest that were kept. */
import { Recent } from "../core/recent.ts"
import type { EventWrite, StateWrite } from "./event-store.ts"

const events = new Recent<EventWrite["pdu"], EventWrite>()
const states = new Recent<string, StateWrite>()

/** The event, or the write that was last kept of its PDU, where they are equal but for the position. */
export const sharedEvent = (write: EventWrite): EventWrite => {
  const last = events.get(write.pdu)
  return last !== undefined && isEqualButForPosition(last, write) ? last : events.keep(write.pdu, write)
}

/** The state, or one that is equal to it. */
export const sharedState = (write: StateWrite): StateWrite => {
  const last = states.get(write.digest)
  return last !== undefined && isEqualState(last, write) ? last : states.keep(write.digest, write)
}

/** Whether two servers keep the same of an event, wherever it stands with them. */
export const isEqualButForPosition = (one: EventWrite, other: EventWrite): boolean =>
  one.roomId === other.roomId &&
  one.eventId === other.eventId &&
  one.pdu === other.pdu &&
  one.verdict === other.verdict &&
  one.objection === other.objection &&
  one.restrictedJoinSigned === other.restrictedJoinSigned &&
  one.history?.stateBefore === other.history?.stateBefore &&
  one.history?.stateAfter === other.history?.stateAfter &&
  one.history?.claimedBy === other.history?.claimedBy

/** Whether two servers keep the same of a state. */
export const isEqualState = (one: StateWrite, other: StateWrite): boolean =>
  one.basedOn === other.basedOn &&
  one.changes.length === other.changes.length &&
  one.changes.every((change, at) => change.every((part, place) => part === other.changes[at]![place]))
