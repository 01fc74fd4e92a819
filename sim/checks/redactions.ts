/** What is redacted, and nothing else, is shown redacted (rooms §Redactions, rooms/v3 §Handling redactions). */
import type { Check } from "./check.ts"
import { findRedactionProblems } from "./room-consistency.ts"
import { problemsByRoom } from "./whole-rooms.ts"

export const redactions: Check = {
  name: "redactions",
  about: "an event is shown redacted where somebody who may has redacted it, and whole where nobody has",
  watch: (world) => ({ atEnd: () => problemsByRoom(world, ({ dag }) => findRedactionProblems(dag)) }),
}
