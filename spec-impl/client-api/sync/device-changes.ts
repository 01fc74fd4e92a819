/** Whose devices a client is to look at anew (client-server API §Tracking the device list for a user). */
import { compareCodePoints } from "../../core/json/encode.ts"
import type { Room } from "../../homeserver/rooms.ts"
import { joinedMembers } from "../../homeserver/shared-rooms.ts"
import { isOfState, type TimelineEntry } from "../../homeserver/timeline.ts"
import { stateAt } from "./room-at.ts"

/** What happened in the room of a user, in a span. */
export interface RoomSpan {
  readonly room: Room
  /** Whether the user came in. */
  readonly cameIn: boolean
  readonly happened: readonly TimelineEntry[]
}

/** Those who came into a room, and those who went: users whose memberships are others than before. */
const membershipChanges = ({ happened }: RoomSpan, isIn: boolean): readonly string[] =>
  happened
    .filter(isOfState)
    .flatMap(({ record: { event } }) =>
      event.type === "m.room.member" && (event.content.membership === "join") === isIn
        ? [event.stateKey ?? ""]
        : [],
    )

/** Users who may share a room with the user now, and did not before. */
export const newcomersIn = (joined: readonly RoomSpan[]): ReadonlySet<string> =>
  new Set(joined.flatMap((span) => (span.cameIn ? joinedMembers(span.room) : membershipChanges(span, true))))

/** Who shares a room with the user now. */
export interface Sharing {
  readonly isSharing: (other: string) => boolean
  readonly all: () => readonly string[]
}

/**
 * `changed`: whose devices or cross-signing keys have changed, of all who share a room, and who have come to share one.
 * What changed before this boot is not known: then all are named, and their clients ask once. `left`: who shares none
 * any more.
 */
export const deviceChanges = (
  sharing: Sharing,
  { joined, left }: { readonly joined: readonly RoomSpan[]; readonly left: readonly RoomSpan[] },
  changed: readonly string[] | undefined,
): { readonly changed: readonly string[]; readonly left: readonly string[] } => {
  const candidates = new Set([...(changed ?? sharing.all()), ...newcomersIn(joined)])
  const gone = [
    ...joined.flatMap((span) => membershipChanges(span, false)),
    ...left.flatMap(({ room, happened }) => membersAt(room, happened.at(-1)?.position ?? 0)),
  ]
  return {
    changed: [...candidates].filter(sharing.isSharing).sort(compareCodePoints),
    left: [...new Set(gone)].filter((other) => !sharing.isSharing(other)).sort(compareCodePoints),
  }
}

const membersAt = (room: Room, position: number): readonly string[] => {
  const members: string[] = []
  stateAt(room, position).forEach((index) => {
    const { type, stateKey, content } = room.dag.graph.event(index)
    if (type === "m.room.member" && content.membership === "join") members.push(stateKey ?? "")
  })
  return members
}
