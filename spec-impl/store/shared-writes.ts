/** What many virtual servers of one process keep alike is held once: of the newest that were kept. */
import { Recent } from "../core/recent.ts"
import type { EventWrite, StateWrite } from "./event-store.ts"

/** An event as one server keeps it: its place is the server's own, all else mostly what the others keep. */
export interface KeptEvent {
  readonly write: EventWrite
  readonly position: number | undefined
}

const events = new Recent<EventWrite["pdu"], EventWrite>()
const placed = new Recent<EventWrite, Map<number | undefined, KeptEvent>>(512)
const states = new Recent<string, StateWrite>()

/** The event, with what is equal in the write that was last kept of its PDU. */
export const keptEventOf = (write: EventWrite): KeptEvent => {
  const last = events.get(write.pdu)
  const shared = last !== undefined && isEqualButForPosition(last, write) ? last : write
  if (shared !== last) events.keep(write.pdu, write)
  return keptAt(shared, write.position)
}

/** Servers that came into a room together take in its events as the same ones of theirs. */
const keptAt = (write: EventWrite, position: number | undefined): KeptEvent => {
  const byPosition = placed.get(write) ?? placed.keep(write, new Map())
  const known = byPosition.get(position)
  if (known !== undefined) return known
  const kept = { write, position }
  byPosition.set(position, kept)
  return kept
}

/** As it was written. */
export const eventWriteOf = ({ write, position }: KeptEvent): EventWrite => {
  if (write.position === position) return write
  const { position: _, ...others } = write
  return position === undefined ? others : { ...others, position }
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

const isEqualState = (one: StateWrite, other: StateWrite): boolean =>
  one.basedOn === other.basedOn &&
  one.changes.length === other.changes.length &&
  one.changes.every((change, at) => change.every((part, place) => part === other.changes[at]![place]))
