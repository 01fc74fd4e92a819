import type { Event } from "../event.ts"

/**
 * How both orderings of rooms/v2 §State resolution break ties: the smaller origin_server_ts, exactly even
 * beyond 2^53, then the smaller event id. Ids are ASCII in practice, and elsewhere any fixed order serves as
 * long as all servers take it: the one of UTF-16 units is what `<` gives.
 */
export const compareByTime = (a: Event, b: Event): number => {
  if (a.originServerTs !== b.originServerTs) return a.originServerTs < b.originServerTs ? -1 : 1
  return a.eventId < b.eventId ? -1 : a.eventId > b.eventId ? 1 : 0
}
