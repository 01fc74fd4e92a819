/**
 * Is every event that honest tips reach held, or rejected, by every honest server, and is no queue stuck?
 * Says nothing of state.
 */
import { domainOf } from "#spec-impl/core/identifiers.ts"
import type { Unsent } from "#spec-impl/homeserver/destinations.ts"
import type { HeldRoom } from "./agreement.ts"

/** What one server has yet to send. */
export interface Backlog {
  readonly server: string
  readonly unsent: readonly Unsent[]
}

/** Queues that are stuck, one sentence each. */
export const findUnsent = (backlogs: readonly Backlog[]): readonly string[] =>
  backlogs.flatMap(({ server, unsent }) =>
    unsent.map(
      ({ destination, eventCount, eduCount, failures }) =>
        `${server} has ${eventCount} events and ${eduCount} EDUs for ${destination}, after ${failures} failures`,
    ),
  )

/** An event that one server holds and another should. */
export interface Lack {
  readonly server: string
  readonly eventId: string
  readonly heldBy: string
}

/** Who misses events of a room, one sentence each. */
export const findMissing = (rooms: readonly HeldRoom[]): readonly string[] =>
  [...Map.groupBy(findLacks(rooms), ({ server }) => server)].map(
    ([server, lacks]) =>
      `${server} misses ${lacks.length} events that others hold, ${lacks[0]!.eventId} of ${lacks[0]!.heldBy} for one`,
  )

/** All that servers miss, each event once for each of them. */
export const findLacks = (rooms: readonly HeldRoom[]): readonly Lack[] =>
  rooms.flatMap((room) => {
    const missing = new Map<string, string>()
    for (const other of rooms) {
      const beforeJoin = ancestorsOf(other, parentsOfJoins(room))
      for (const eventId of ancestorsOf(other, other.dag.forwardExtremities())) {
        if (!beforeJoin.has(eventId) && room.dag.timeline(eventId) === undefined) {
          missing.set(eventId, other.server)
        }
      }
    }
    return [...missing].map(([eventId, heldBy]) => ({ server: room.server, eventId, heldBy }))
  })

/** `from` and all that came before, as that server holds it. */
const ancestorsOf = ({ dag }: HeldRoom, from: readonly string[]): ReadonlySet<string> => {
  const seen = new Set<string>()
  const waiting = [...from]
  for (let eventId = waiting.pop(); eventId !== undefined; eventId = waiting.pop()) {
    const record = dag.timeline(eventId)
    if (record === undefined || seen.has(eventId)) continue
    seen.add(eventId)
    waiting.push(...record.event.prevEvents)
  }
  return seen
}

/** A server need not hold what came before its own ways into the room. */
const parentsOfJoins = (room: HeldRoom): readonly string[] =>
  [...room.dag.records()].flatMap((record) =>
    record.place === "timeline" &&
    record.stateSource.kind === "claimed" &&
    record.event.type === "m.room.member" &&
    domainOf(record.event.sender) === room.server
      ? record.event.prevEvents
      : [],
  )
