/**
 * Kinds of disagreement that the specification itself allows, recognised by what servers did: from the events and
 * states that they hold, never from a plan or its faults.
 */
import { compareCodePoints } from "#spec-impl/core/json/encode.ts"
import type { TimelineRecord } from "#spec-impl/core/room-dag/event-record.ts"
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { resolve } from "#spec-impl/core/state-resolution/resolve.ts"
import type { StateMap } from "#spec-impl/core/state-resolution/state-map.ts"
import { differingKeys, type Parting, stateByKey } from "../checks/agreement.ts"
import { contextByTheRules, objectionOfState } from "../checks/by-the-rules.ts"
import type { VirtualServer } from "../world/world.ts"
import { authChainOf } from "./auth-chains.ts"
import { type Judged, shapeOfStanding } from "./standing.ts"
import {
  isDamagedEvent,
  isRedactedJoin,
  isStaleState,
  isUnheardKey,
  isUnverifiableState,
} from "./told-states.ts"

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

/**
 * S01 (MSC4297 problem A): each state had join rules, and what they resolve to has none, though nobody was removed who
 * made them. Where they go with their maker, by a kick or a ban of which only some states know, that is S04: so it comes
 * out in room 12 too, for what has more power is replayed first.
 */
const isPhantomJoinRules = (resolution: Resolution): boolean => {
  const { dag, states, resolved } = resolution
  if (dag.eventIn(resolved, "m.room.join_rules", "") !== undefined) return false
  return states.every((state) => {
    const rules = dag.eventIn(state, "m.room.join_rules", "")
    return rules !== undefined && !isRemovedAtOnce(resolution, rules.sender)
  })
}

/** Whether the resolution removes the user, by somebody else's hand that not all states know of. */
const isRemovedAtOnce = ({ dag, states, resolved }: Resolution, userId: string): boolean => {
  const membership = dag.eventIn(resolved, "m.room.member", userId)
  if (membership === undefined || membership.sender === userId) return false
  const { membership: kind } = membership.content
  const isKnownToAll = states.every(
    (state) => dag.eventIn(state, "m.room.member", userId)?.eventId === membership.eventId,
  )
  return !isKnownToAll && (kind === "leave" || kind === "ban")
}

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

/**
 * The kind of a disagreement about a room; null where it is none of those that are known, and always where servers
 * resolved the same states differently.
 */
export const shapeOfDisagreement = (
  judged: Judged,
  roomId: string,
  { cause, servers }: Pick<Parting, "cause" | "servers">,
): string | null => {
  switch (cause) {
    case "different-resolution":
      return null
    case "missing-events":
      return (
        shapeOfStanding(judged, roomId) ??
        (isSoftFailedBranch(judged, roomId, servers) ? "soft-failed-branch" : null)
      )
    default:
      return (
        findReset(judged.participants, roomId)?.shape ??
        disagreements.find(([, is]) => is(judged, roomId))?.[0] ??
        null
      )
  }
}

/**
 * S16, where nobody builds on what was soft-failed: but for events that the one who holds them soft-failed, and so owes to
 * nobody, two servers hold the same, and would show the same state if what one soft-failed were built on; and the state of
 * the room spoke against it when it came, or does.
 */
const isSoftFailedBranch = (
  { everybody, overheard }: Judged,
  roomId: string,
  servers: readonly string[],
): boolean => {
  const held = servers.flatMap((name) => {
    const dag = everybody.get(name)?.rooms.find(roomId)?.dag
    return dag === undefined ? [] : [{ name, dag, records: standingIn(dag) }]
  })
  const common = held
    .map(({ records }) => new Set(records.map(({ event }) => event.eventId)))
    .reduce((some, others) => some.intersection(others))
  const leaves = leavesOf((held[0]?.records ?? []).filter(({ event }) => common.has(event.eventId)))
  const isFair = held.every(
    ({ name, dag, records }) =>
      // What is accepted comes before one of these, and so is common or was before somebody came in.
      dag.forwardExtremities().every((eventId) => common.has(eventId)) &&
      records.every(
        ({ verdict, event }) =>
          verdict === "accepted" ||
          (common.has(event.eventId) && !leaves.includes(event.eventId)) ||
          overheard.spokeAgainst(name, event.eventId) ||
          objectionOfState(dag, event, dag.currentState(), 6) !== undefined,
      ),
  )
  const states = held.map(({ dag }) => stateByKey(dag, dag.stateBeforeChildOf(leaves)))
  return isFair && differingKeys(states).length === 0
}

/** The history without what was rejected. */
const standingIn = (dag: RoomDag): readonly TimelineRecord[] =>
  [...dag.records()].filter(
    (record): record is TimelineRecord => record.place === "timeline" && record.verdict !== "rejected",
  )

/** Those on which none of them builds, by code point. */
const leavesOf = (records: readonly TimelineRecord[]): readonly string[] => {
  const parents = new Set(records.flatMap(({ event }) => event.prevEvents))
  return records
    .map(({ event }) => event.eventId)
    .filter((eventId) => !parents.has(eventId))
    .sort(compareCodePoints)
}

const disagreements: readonly (readonly [string, (judged: Judged, roomId: string) => boolean])[] = [
  ["lost-key", isUnverifiableState],
  ["stale-state", isStaleState],
  ["unheard-key", isUnheardKey],
  ["damaged-event", isDamagedEvent],
  ["redacted-join", isRedactedJoin],
]
