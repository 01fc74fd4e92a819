/**
 * Copies of one event. Servers may hold it signed by more or fewer, and redacted: others give what history visibility
 * hides only so, and what does not match its hash is kept so (check 3). Both leave its reference hash as it is.
 */
import type { Event } from "../event.ts"
import { isWhole, referenceHash } from "../hash.ts"
import type { RoomVersion } from "../room-version.ts"

/** Whether two events of one id are copies of one: in rooms 1 and 2 whoever makes an event picks its id. */
export const areCopies = (one: Event, other: Event, version: RoomVersion): boolean =>
  one === other ||
  version.eventId !== "opaque" ||
  referenceHash(one.pdu, version).join() === referenceHash(other.pdu, version).join()

/** Which of two copies is kept: the later one, but never a redacted one in the place of a whole. */
export const betterCopy = (held: Event, offered: Event): Event =>
  held === offered || isWhole(offered.pdu) || !isWhole(held.pdu) ? offered : held
