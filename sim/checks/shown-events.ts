/**
 * What users are shown was accepted, and by right: no rejected event, no soft-failed one (§Rejection, §Soft failure),
 * and none that the rules of the room reject, whatever the server made of it.
 */

import { objectionOfCitations, objectionOfState } from "./by-the-rules.ts"
import type { Check } from "./check.ts"
import { problemsByRoom } from "./whole-rooms.ts"

export const shownEvents: Check = {
  name: "shown-events",
  about: "clients are told of no event that was not accepted, or that the authorisation rules do not allow",
  watch: (world) => ({
    atEnd: () =>
      problemsByRoom(world, ({ dag, timeline }) =>
        [...timeline].flatMap(({ record: { event } }) => {
          const record = dag.timeline(event.eventId)
          if (record?.verdict !== "accepted") return [`${event.eventId} is shown, and was not accepted`]
          const objection =
            objectionOfCitations(dag, event) ?? objectionOfState(dag, event, record.stateBefore, 5)
          return objection === undefined
            ? []
            : [`${event.eventId} is shown, against rule ${objection.rule}: ${objection.reason}`]
        }),
      ),
  }),
}
