/** Each room that an honest server holds is sound in itself (`room-consistency.ts`). */
import type { Check } from "./check.ts"
import { findInconsistencies } from "./room-consistency.ts"

export const consistentRooms: Check = {
  name: "consistent-rooms",
  about:
    "ids are what hashes say, auth chains are closed, forward extremities exact, each state follows from those before it, " +
    "and no state holds an event that its own auth_events reject",
  watch: ({ servers, honest }) => ({
    atEnd: () =>
      honest.flatMap((name) =>
        (servers.get(name)?.rooms.all() ?? [])
          .filter(({ partial }) => partial === undefined)
          .flatMap(({ roomId, dag }) =>
            findInconsistencies(dag).map((problem) => `${name}, ${roomId}: ${problem}`),
          ),
      ),
  }),
}
