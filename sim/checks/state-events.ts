/** No state holds an event that its own auth_events reject (§Rejection; §Checks performed on receipt of a PDU, 4). */
import type { Check } from "./check.ts"
import { findUnauthorisedStates } from "./room-consistency.ts"
import { problemsByRoom } from "./whole-rooms.ts"

export const stateEvents: Check = {
  name: "state-events",
  about: "every event in a state passes the authorisation rules by its own auth_events",
  watch: (world) => ({ atEnd: () => problemsByRoom(world, ({ dag }) => findUnauthorisedStates(dag)) }),
}
