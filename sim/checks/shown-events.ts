/** What users are shown was accepted: no rejected event, and no soft-failed one (§Rejection, §Soft failure). */
import type { Check } from "./check.ts"

export const shownEvents: Check = {
  name: "shown-events",
  about: "no event that was rejected or soft-failed has a place in what clients are told of a room",
  watch: ({ servers, honest }) => ({
    atEnd: () =>
      honest.flatMap((name) =>
        (servers.get(name)?.rooms.all() ?? []).flatMap(({ roomId, dag, timeline }) =>
          [...timeline]
            .filter(({ record: { event } }) => dag.timeline(event.eventId)?.verdict !== "accepted")
            .map(
              ({ record: { event } }) =>
                `${name} shows ${event.eventId} in ${roomId}, which it did not accept`,
            ),
        ),
      ),
  }),
}
