/**
 * Do honest servers show the same state of the room, and if not, where did they part?
 *
 * Reads the rooms that the servers hold and nothing else: neither a scenario's name nor what it expects.
 */

import { compareCodePoints } from "#spec-impl/core/json/encode.ts"
import type { TimelineRecord } from "#spec-impl/core/room-dag/event-record.ts"
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import type { StateMap } from "#spec-impl/core/state-resolution/state-map.ts"
import type { Cause } from "../world/report.ts"

/** A room as one server holds it. */
export interface HeldRoom {
  readonly server: string
  readonly dag: RoomDag
}

/** Where two servers part: the first event of their common history that they see differently. */
export interface Parting {
  readonly cause: Cause
  readonly servers: readonly [string, string]
  /** Undefined where the history is one and the same, and only the state at its end differs. */
  readonly eventId: string | undefined
  /** Who told the second server the state before that event, where it was told. */
  readonly claimedBy: string | undefined
  /** State keys on which the servers differ there: `type|state_key`. */
  readonly keys: readonly string[]
}

/** The whole state of a room, `type|state_key` → event id, keys by code point. */
export const stateByKey = (dag: RoomDag, state: StateMap): Readonly<Record<string, string>> => {
  const entries: [string, string][] = []
  state.forEach((index) => {
    const event = dag.graph.event(index)
    entries.push([`${event.type}|${event.stateKey}`, event.eventId])
  })
  return Object.fromEntries(entries.sort(([a], [b]) => compareCodePoints(a, b)))
}

/** The keys on which any two of the states differ, by code point. */
export const differingKeys = (states: readonly Readonly<Record<string, string>>[]): readonly string[] => {
  const keys = new Set(states.flatMap((state) => Object.keys(state)))
  return [...keys]
    .filter((key) => states.some((state) => state[key] !== states[0]?.[key]))
    .sort(compareCodePoints)
}

/** Where the rooms part, or undefined where all show the same state. */
export const findParting = (rooms: readonly HeldRoom[]): Parting | undefined => {
  const [first, ...others] = rooms
  if (first === undefined) return undefined
  const state = stateByKey(first.dag, first.dag.currentState())
  for (const other of others) {
    const keys = differingKeys([state, stateByKey(other.dag, other.dag.currentState())])
    if (keys.length > 0) return partingOf(first, other, keys)
  }
  return undefined
}

const partingOf = (one: HeldRoom, other: HeldRoom, keys: readonly string[]): Parting => {
  const servers = [one.server, other.server] as const
  const common = historyOf(one.dag).filter((record) => other.dag.timeline(record.event.eventId) !== undefined)
  for (const record of common) {
    const found = differenceAt(one, other, record, other.dag.timeline(record.event.eventId)!)
    if (found !== undefined) return { servers, eventId: record.event.eventId, ...found }
  }
  const tips = (held: HeldRoom): string => held.dag.forwardExtremities().join(" ")
  const cause = tips(one) === tips(other) ? "different-resolution" : "missing-events"
  return { cause, servers, eventId: undefined, claimedBy: undefined, keys }
}

/** The timeline, parents before children. */
const historyOf = (dag: RoomDag): readonly TimelineRecord[] =>
  [...dag.records()]
    .filter((record) => record.place === "timeline")
    .sort((a, b) =>
      a.event.depth < b.event.depth
        ? -1
        : a.event.depth > b.event.depth
          ? 1
          : compareCodePoints(a.event.eventId, b.event.eventId),
    )

/**
 * How two servers see one event differently, if its parents do not explain it. Whether one rejected a message says nothing
 * of the state: that before it and that after it are one.
 */
const differenceAt = (
  one: HeldRoom,
  other: HeldRoom,
  seenByOne: TimelineRecord,
  seenByOther: TimelineRecord,
): Pick<Parting, "cause" | "claimedBy" | "keys"> | undefined => {
  const before = [
    stateByKey(one.dag, seenByOne.stateBefore),
    stateByKey(other.dag, seenByOther.stateBefore),
  ] as const
  const keys = differingKeys(before)
  const claim = [seenByOther, seenByOne].map(({ stateSource }) => stateSource).find(isClaim)
  if (keys.length > 0) {
    if (claim !== undefined) return { cause: "different-inputs", claimedBy: claim.by, keys }
    return sameAfterParents(one, other, seenByOne)
      ? { cause: "different-resolution", claimedBy: undefined, keys }
      : undefined
  }
  if (seenByOne.event.stateKey === undefined) return undefined
  const isRejected = ({ verdict }: TimelineRecord): boolean => verdict === "rejected"
  return isRejected(seenByOne) === isRejected(seenByOther)
    ? undefined
    : { cause: "different-verdict-on-event", claimedBy: undefined, keys: [] }
}

const isClaim = (source: TimelineRecord["stateSource"]): source is { kind: "claimed"; by: string } =>
  source.kind === "claimed"

const sameAfterParents = (one: HeldRoom, other: HeldRoom, record: TimelineRecord): boolean =>
  record.event.prevEvents.every((parent) => {
    const parents = [one.dag.timeline(parent), other.dag.timeline(parent)]
    const states = [one.dag, other.dag].map((dag, at) => {
      const state = parents[at]?.stateAfter
      return state === undefined ? undefined : stateByKey(dag, state)
    })
    return (
      states[0] !== undefined && states[1] !== undefined && differingKeys([states[0], states[1]]).length === 0
    )
  })
