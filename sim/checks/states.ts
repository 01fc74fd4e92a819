/** Each state is what the states before it make up (rooms §State resolution; server-server API §Definitions). */
import type { Check } from "./check.ts"
import { findStateProblems } from "./room-consistency.ts"
import { problemsByRoom } from "./whole-rooms.ts"

export const states: Check = {
  name: "states",
  about:
    "the state before an event is what those after its parents resolve to, that after it is that and the event, unless " +
    "it was rejected, and the current one what those after the forward extremities resolve to",
  watch: (world) => ({
    atEnd: () => problemsByRoom(world, ({ dag }) => findStateProblems(dag, world.resolve)),
  }),
}
