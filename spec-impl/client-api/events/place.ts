/** Places in a room's history as clients hold them: tokens (client-server API §Pagination). */
import { type Place, placeOf, type TimelineEntry } from "../../homeserver/timeline.ts"
import { readSyncPoint } from "../sync/token.ts"

/** Between two events of a room: `before` one place in room order, or after all that had come up to a `position`. */
export type Point = { readonly before: Place } | { readonly position: number }

/** `t<depth>_<position>`: right before that place. */
export const writePlace = ({ depth, position }: Place): string => `t${depth}_${position}`

/** Right before an event. */
export const placeBefore = (entry: TimelineEntry): string => writePlace(placeOf(entry))

/** Right after an event: before whatever could come next in room order. */
export const placeAfter = (entry: TimelineEntry): string => {
  const { depth, position } = placeOf(entry)
  return writePlace({ depth, position: position > 0 ? position + 1 : position - 1 })
}

/** What a token says, `t…` of this file or `s…` of a sync; undefined for what is none. */
export const readPoint = (token: string): Point | undefined => {
  const [, depth, position] = /^t(-?[0-9]{1,19})_(-?[0-9]{1,15})$/.exec(token) ?? []
  if (depth !== undefined) return { before: { depth: BigInt(depth), position: Number(position) } }
  return readSyncPoint(token)
}
