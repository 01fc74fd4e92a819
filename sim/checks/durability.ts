/** What a server has acknowledged outlives its crashes: after each of them, and in the end. */
import type { Check } from "./check.ts"

export const durability: Check = {
  name: "durability",
  about: "an event whose sender was told that it is sent is held by that server, whatever crashes come after",
  watch: ({ servers, rolledBack, acknowledged }) => ({
    atEnd: () =>
      acknowledged
        .filter(({ server }) => !rolledBack.has(server))
        .filter(({ server, roomId, eventId }) => {
          const room = servers.get(server)?.rooms.find(roomId)
          return room?.dag.record(eventId) === undefined
        })
        .map(({ server, eventId }) => `${server} has acknowledged ${eventId}, and does not hold it`),
  }),
}
