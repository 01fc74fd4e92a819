/**
 * Kinds of disagreement that the specification itself allows, recognised by what servers did: from the events and
 * states that they hold, never from a plan or its faults.
 */
import { domainOf } from "#spec-impl/core/identifiers.ts"
import { isJsonObject } from "#spec-impl/core/json/value.ts"
import type { TimelineRecord } from "#spec-impl/core/room-dag/event-record.ts"
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { resolve } from "#spec-impl/core/state-resolution/resolve.ts"
import type { StateMap } from "#spec-impl/core/state-resolution/state-map.ts"
import { contextByTheRules } from "../checks/by-the-rules.ts"
import type { VirtualServer } from "../world/world.ts"
import { holdersOf } from "./participants.ts"

/** States that one server resolved, and what came out of it. */
export interface Resolution {
  readonly dag: RoomDag
  readonly states: readonly StateMap[]
  readonly resolved: StateMap
}

/** Every resolution that the room, as it is held, rests on: of one state only there is nothing to resolve. */
export const resolutionsIn = (dag: RoomDag): readonly Resolution[] => {
  const found: Resolution[] = []
  const add = (parents: readonly string[], resolved: StateMap): void => {
    const byDigest = new Map<string, StateMap>()
    for (const parent of parents) {
      const state = dag.timeline(parent)?.stateAfter
      if (state !== undefined) byDigest.set(String(state.digest), state)
    }
    if (byDigest.size > 1) found.push({ dag, states: [...byDigest.values()], resolved })
  }
  for (const record of dag.records()) {
    if (record.place === "timeline" && record.stateSource.kind === "computed") {
      add(record.event.prevEvents, record.stateBefore)
    }
  }
  add(dag.forwardExtremities(), dag.currentState())
  return found
}

/** S01 (MSC4297 problem A): each state had join rules, and what they resolve to has none. */
const isPhantomJoinRules = ({ dag, states, resolved }: Resolution): boolean =>
  states.every((state) => dag.eventIn(state, "m.room.join_rules", "") !== undefined) &&
  dag.eventIn(resolved, "m.room.join_rules", "") === undefined

/**
 * S02 (MSC4297 problem B): power levels fall back to earlier ones, for what came between is in the auth chain of every
 * state and so is replayed by nobody.
 */
const isLostPromotionChain = ({ dag, states, resolved }: Resolution): boolean => {
  const kept = dag.eventIn(resolved, "m.room.power_levels", "")
  if (kept === undefined) return false
  const heads = states.flatMap((state) => dag.eventIn(state, "m.room.power_levels", "") ?? [])
  const chains = states.map((state) => authChainOf(dag, dag.eventIdsIn(state)))
  return heads.some((head) => {
    if (head.eventId === kept.eventId) return false
    const between = levelsBetween(dag, head.eventId, kept.eventId)
    return (
      between !== undefined &&
      between.length > 0 &&
      between.some((eventId) => chains.every((chain) => chain.has(eventId)))
    )
  })
}

/** The power levels that `later` rests on, itself left out, down to `earlier`; undefined where it does not rest on that. */
const levelsBetween = (dag: RoomDag, later: string, earlier: string): readonly string[] | undefined => {
  const between: string[] = []
  for (let at = previousLevels(dag, later); at !== undefined; at = previousLevels(dag, at)) {
    if (at === earlier) return between
    between.push(at)
  }
  return undefined
}

const previousLevels = (dag: RoomDag, eventId: string): string | undefined =>
  dag
    .record(eventId)
    ?.event.authEvents.find((cited) => dag.record(cited)?.event.type === "m.room.power_levels")

const authChainOf = (dag: RoomDag, eventIds: readonly string[]): ReadonlySet<string> => {
  const chain = new Set<string>()
  const waiting = [...eventIds]
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const cited of dag.record(at)?.event.authEvents ?? []) {
      if (chain.has(cited)) continue
      chain.add(cited)
      waiting.push(cited)
    }
  }
  return chain
}

/** S19: an access control list shut a server out for a while, and events that only some took lie in the way of others. */
const isAclIsland = (servers: readonly VirtualServer[], roomId: string): boolean =>
  servers.some((server) => {
    const records: readonly TimelineRecord[] = [...(server.rooms.find(roomId)?.dag.records() ?? [])].filter(
      (record): record is TimelineRecord => record.place === "timeline",
    )
    return records.some(({ event, verdict }) => {
      const { deny } = event.content
      return (
        event.type === "m.room.server_acl" &&
        verdict !== "rejected" &&
        Array.isArray(deny) &&
        servers.some(({ name }) => deny.includes(name))
      )
    })
  })

/**
 * A gap that stays: what a server misses lies behind an event of which it was told the state, and history is nobody's
 * duty to fetch (§Backfilling and retrieving missing events).
 */
const isGapInHistory = (servers: readonly VirtualServer[], roomId: string): boolean => {
  const rooms = servers.flatMap(({ rooms }) => rooms.find(roomId) ?? [])
  return rooms.every(({ dag }) => {
    const behindGaps = [...dag.records()].flatMap((record) =>
      record.place === "timeline" && record.stateSource.kind === "claimed" ? record.event.prevEvents : [],
    )
    return rooms.every((other) => {
      const mayMiss = ancestorsOf(other.dag, behindGaps)
      return [...ancestorsOf(other.dag, other.dag.forwardExtremities())].every(
        (eventId) => dag.timeline(eventId) !== undefined || mayMiss.has(eventId),
      )
    })
  })
}

/** `from` and all that came before, as far as it is held. */
const ancestorsOf = (dag: RoomDag, from: readonly string[]): ReadonlySet<string> => {
  const seen = new Set<string>()
  const waiting = [...from]
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const record = dag.timeline(at)
    if (record === undefined || seen.has(at)) continue
    seen.add(at)
    waiting.push(...record.event.prevEvents)
  }
  return seen
}

/** The first resolution in which a state was reset (MSC4297), on any of the servers, with its kind. */
export const findReset = (
  servers: readonly VirtualServer[],
  roomId: string,
): { readonly server: string; readonly shape: string } | undefined => {
  for (const { name, rooms } of servers) {
    const dag = rooms.find(roomId)?.dag
    if (dag === undefined) continue
    for (const resolution of resolutionsIn(dag)) {
      const shape = resets.find(([, is]) => is(resolution))?.[0]
      if (shape !== undefined && isByTheRules(resolution)) return { server: name, shape }
    }
  }
  return undefined
}

/** What is weak in the specification comes of resolving as it says: of a fault in that nothing is known. */
const isByTheRules = ({ dag, states, resolved }: Resolution): boolean =>
  resolve(dag.graph, states, contextByTheRules(dag)).digest === resolved.digest

const resets: readonly (readonly [string, (resolution: Resolution) => boolean])[] = [
  ["phantom-join-rules", isPhantomJoinRules],
  ["lost-promotion-chain", isLostPromotionChain],
]

/** The kind of a disagreement about a room; null where it is none of those that are known. */
export const shapeOfDisagreement = (servers: readonly VirtualServer[], roomId: string): string | null =>
  findReset(servers, roomId)?.shape ?? (isLostKey(servers, roomId) ? "lost-key" : null)

/**
 * A server that left, or whose users were removed, of which one side does not know: what could not be taken in when it
 * came is sent no more, since the server is in the room no more (§Transactions: one that is answered is done, whatever
 * became of its PDUs).
 */
const isUnheardDeparture = (servers: readonly VirtualServer[], roomId: string): boolean => {
  const holders = holdersOf(roomId, servers)
  return holders.some(({ server: { name }, joined }) =>
    holders.every((other) => other.server.name === name || other.joined.has(name) !== joined.has(name)),
  )
}

/** S18: an event that some hold and others could not verify, for the key that signed it is its server's no more. */
const isLostKey = (servers: readonly VirtualServer[], roomId: string): boolean => {
  const rooms = servers.flatMap(({ rooms }) => rooms.find(roomId) ?? [])
  return rooms.some(({ dag }) =>
    [...dag.records()].some(({ event }) => {
      const author = servers.find(({ name }) => name === domainOf(event.sender))
      if (author === undefined || rooms.every((other) => other.dag.record(event.eventId) !== undefined)) {
        return false
      }
      const { signatures } = event.pdu
      const own = isJsonObject(signatures) ? signatures[author.name] : undefined
      const { keyId } = author.identity.signingKey
      return isJsonObject(own) && !Object.hasOwn(own, keyId)
    }),
  )
}

/** The kind of what keeps servers from having the same events. */
export const shapeOfStanding = (servers: readonly VirtualServer[], roomId: string): string | null =>
  standing.find(([, is]) => is(servers, roomId))?.[0] ?? null

const standing: readonly (readonly [
  string,
  (servers: readonly VirtualServer[], roomId: string) => boolean,
])[] = [
  ["gap-in-history", isGapInHistory],
  ["unheard-departure", isUnheardDeparture],
  ["lost-key", isLostKey],
  ["acl-island", isAclIsland],
]
