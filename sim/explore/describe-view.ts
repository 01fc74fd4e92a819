/** What one server sees, for people: its rooms with their tips and state, and what it has yet to send. */
import { stateByKey } from "../checks/agreement.ts"
import { describeEvent } from "../world/describe-event.ts"
import type { VirtualServer } from "../world/world.ts"

/** The view of that server, or of all where it is none of them. */
export const describeView = (servers: ReadonlyMap<string, VirtualServer>, name: string): string => {
  const one = servers.get(name)
  return (one === undefined ? [...servers.values()] : [one]).map(viewOf).join("\n\n")
}

const viewOf = (server: VirtualServer): string =>
  [
    `${server.name}${server.isDown() ? ", which is down" : ""}`,
    ...server.rooms
      .all()
      .flatMap(({ roomId, version, dag, partial }) => [
        `  ${roomId}, version ${version.id}${partial === undefined ? "" : ", partial state"}`,
        `    tips: ${dag.forwardExtremities().join(" ")}`,
        ...Object.entries(stateByKey(dag, dag.currentState())).map(
          ([key, eventId]) => `    ${key}: ${describeEvent(dag.record(eventId)?.event)} ${eventId}`,
        ),
      ]),
    ...server.destinations
      .unsent()
      .map(
        ({ destination, eventCount, eduCount, failures }) =>
          `  to send to ${destination}: ${eventCount} events, ${eduCount} EDUs, after ${failures} failures`,
      ),
  ].join("\n")
