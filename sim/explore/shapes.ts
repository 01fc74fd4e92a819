/**
 * Kinds of disagreement that the specification itself allows, recognised by what servers did: from the events and
 * states that they hold, never from a plan or its faults.
 */
import type { Event } from "#spec-impl/core/event.ts"
import { compareCodePoints } from "#spec-impl/core/json/encode.ts"
import type { TimelineRecord } from "#spec-impl/core/room-dag/event-record.ts"
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { requiredSigners } from "#spec-impl/core/signing.ts"
import { resolve } from "#spec-impl/core/state-resolution/resolve.ts"
import type { StateMap } from "#spec-impl/core/state-resolution/state-map.ts"
import { differingKeys, type Parting, stateByKey } from "../checks/agreement.ts"
import { contextByTheRules, objectionOfState } from "../checks/by-the-rules.ts"
import type { VirtualServer } from "../world/world.ts"
import { isOfLostKey, type Judged, lacksIn, shapeOfStanding } from "./standing.ts"

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

/** A state that one server told another, beside what it holds itself. */
interface Told {
  readonly to: string
  readonly by: string
  readonly eventId: string
  readonly ofTeller: RoomDag
  readonly keys: readonly (readonly [told: Event | undefined, held: Event | undefined])[]
}

/** Those that differ from what their teller holds, whoever was told it: who believed it tells it to others in good faith. */
const toldOtherwise = ({ everybody }: Judged, roomId: string): readonly Told[] =>
  [...everybody.values()].flatMap(({ name, rooms }) => {
    const dag = rooms.find(roomId)?.dag
    return [...(dag?.records() ?? [])].flatMap((record): readonly Told[] => {
      if (dag === undefined || record.place === "outlier" || record.stateSource.kind === "computed") return []
      const { by } = record.stateSource
      const ofTeller = everybody.get(by)?.rooms.find(roomId)?.dag
      const there = ofTeller?.timeline(record.event.eventId)
      if (ofTeller === undefined || there === undefined) return []
      const [told, held] = [stateByKey(dag, record.stateBefore), stateByKey(ofTeller, there.stateBefore)]
      const keys = differingKeys([told, held]).map(
        (key) => [dag.record(told[key] ?? "")?.event, ofTeller.record(held[key] ?? "")?.event] as const,
      )
      return keys.length === 0 ? [] : [{ to: name, by, eventId: record.event.eventId, ofTeller, keys }]
    })
  })

/**
 * What S01 and S02 start from: a server was told a state that its teller neither holds nor had said so, and in which each
 * key that is otherwise is of an earlier time or lacking.
 */
const isStaleState = (judged: Judged, roomId: string): boolean =>
  toldOtherwise(judged, roomId).some(
    ({ to, by, eventId, ofTeller, keys }) =>
      judged.overheard.wasStateAltered(to, by, eventId) &&
      keys.every(
        ([told, held]) =>
          told === undefined ||
          (held !== undefined && ofTeller.record(told.eventId) !== undefined && told.depth < held.depth),
      ),
  )

/** S18: what was told in vain, for nobody can verify it any more. */
const isUnverifiableState = (judged: Judged, roomId: string): boolean =>
  toldOtherwise(judged, roomId).some(({ to, by, keys }) =>
    keys.every(
      ([, held]) =>
        held !== undefined && isOfLostKey(judged, roomId, { server: to, eventId: held.eventId, heldBy: by }),
    ),
  )

/**
 * S18, for a while: what was told in vain, for the keys by which it is signed, or something that it rests on, were not to
 * be had when it was. Such events are dropped, and nobody tells that state again. All else that servers lack is explained.
 */
const isUnheardKey = (judged: Judged, roomId: string): boolean => {
  const told = toldOtherwise(judged, roomId)
  const isUnheard = ({ to, eventId, ofTeller }: Told, held: Event): boolean =>
    [held.eventId, ...authChainOf(ofTeller, [held.eventId])].some((id) => {
      const event = ofTeller.record(id)?.event
      const signers = event === undefined ? [] : requiredSigners(event, ofTeller.rules.version)
      return signers.some((signer) => judged.overheard.wereKeysUnheard(to, eventId, signer))
    })
  return (
    told.length > 0 &&
    told.every((one) =>
      one.keys.every(([got, held]) => got === undefined && held !== undefined && isUnheard(one, held)),
    ) &&
    lacksIn(judged, roomId).every(([, reason]) => reason !== null)
  )
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
]
