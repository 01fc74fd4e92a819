/** A room as one server holds it, as data that says all of it: what exports are made of. */
import { compareCodePoints } from "#spec-impl/core/json/encode.ts"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import type { EventRecord, TimelineRecord } from "#spec-impl/core/room-dag/event-record.ts"
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { stateByKey } from "../../checks/agreement.ts"
import { describeEvent } from "../../world/describe-event.ts"
import type { VirtualServer } from "../../world/world.ts"
import type { Failure } from "../run-plan.ts"

/** `type|state_key` → event id. */
export type State = Readonly<Record<string, string>>

/** States that the server resolved, what it took as rejected, and what came out. */
export interface CopiedResolution {
  /** The event before which it resolved them; null where that is the room's present. */
  readonly at: string | null
  readonly stateSets: readonly State[]
  readonly rejected: readonly string[]
  readonly resolved: State
}

export interface CopiedEvent {
  readonly eventId: string
  readonly type: string
  /** As it is signed and sent. */
  readonly pdu: JsonObject
  readonly prevEvents: readonly string[]
  readonly authEvents: readonly string[]
  /** The ids of the state after it; undefined where its place in the history is not known. */
  readonly stateAfter: readonly string[] | undefined
  /** What is not usual about it: that it was rejected and why, who claimed the state before it, who does not hold it. */
  readonly notes: readonly string[]
}

export interface RoomCopy {
  readonly server: string
  readonly roomId: string
  readonly roomVersion: string
  /** Each after those that it cites. */
  readonly events: readonly CopiedEvent[]
  readonly resolutions: readonly CopiedResolution[]
  /** Keys of state on which the servers that hold the room differ, one sentence each. */
  readonly differing: readonly string[]
}

/** Which room, on which server; where nothing is said what the failure tells of, or whoever holds the most. */
export interface RoomChoice {
  readonly server?: string
  readonly roomId?: string
  readonly failure?: Pick<Failure, "why"> | undefined
}

/** A copy of one room; a sentence that says why there is none to be had. */
export const copyRoom = (servers: readonly VirtualServer[], choice: RoomChoice): RoomCopy | string => {
  const why = choice.failure?.why ?? ""
  if (choice.server !== undefined && servers.every(({ name }) => name !== choice.server)) {
    return `there is no server ${choice.server}: there are ${servers.map(({ name }) => name).join(", ")}`
  }
  const held = servers.flatMap((server) =>
    server.rooms.all().map(({ roomId, version, dag }) => ({ server: server.name, roomId, version, dag })),
  )
  const words = why.replaceAll(/[!$@][\w+/=:.-]+/g, " ").split(/[^\w.-]+/)
  const chosen = held
    .filter(
      ({ server, roomId }) =>
        [undefined, server].includes(choice.server) && [undefined, roomId].includes(choice.roomId),
    )
    .map((room) => ({
      ...room,
      isTold: why.includes(room.roomId),
      toldAt: words.includes(room.server) ? words.indexOf(room.server) : words.length,
      size: [...room.dag.records()].length,
    }))
    .sort((a, b) => Number(b.isTold) - Number(a.isTold) || a.toldAt - b.toldAt || b.size - a.size)[0]
  if (chosen === undefined) {
    const ids = [...new Set(held.map(({ roomId }) => roomId))].sort(compareCodePoints)
    return `no such room is held there: there are ${ids.join(", ") || "none"}`
  }
  const { server, roomId, version, dag } = chosen
  const others = held.filter((other) => other.roomId === roomId && other.server !== server)
  return {
    server,
    roomId,
    roomVersion: version.id,
    events: inOrder(dag).map((record) => copyEvent(dag, record, others)),
    resolutions: resolutionsOf(dag),
    differing: differencesOf(held.filter((other) => other.roomId === roomId)),
  }
}

interface Held {
  readonly server: string
  readonly dag: RoomDag
}

/** Each after those that it cites, as far as they are held; else by depth and id. */
const inOrder = (dag: RoomDag): readonly EventRecord[] => {
  const records = [...dag.records()].sort((a, b) => {
    const [one, other] = [BigInt(a.event.depth), BigInt(b.event.depth)]
    return one < other ? -1 : one > other ? 1 : compareCodePoints(a.event.eventId, b.event.eventId)
  })
  const ordered = new Set<EventRecord>()
  const begun = new Set<string>()
  for (const root of records) {
    const waiting = [root]
    for (let record = waiting.at(-1); record !== undefined; record = waiting.at(-1)) {
      const { eventId, authEvents, prevEvents } = record.event
      begun.add(eventId)
      const next = [...authEvents, ...prevEvents].find((cited) => !begun.has(cited) && dag.record(cited))
      if (next !== undefined) waiting.push(dag.record(next)!)
      else ordered.add(waiting.pop()!)
    }
  }
  return [...ordered]
}

const copyEvent = (dag: RoomDag, record: EventRecord, others: readonly Held[]): CopiedEvent => {
  const { eventId, type, pdu, prevEvents, authEvents } = record.event
  return {
    eventId,
    type,
    pdu,
    prevEvents,
    authEvents,
    stateAfter:
      record.place === "timeline" ? dag.eventIdsIn(record.stateAfter).sort(compareCodePoints) : undefined,
    notes: notesOf(record, others),
  }
}

const notesOf = (record: EventRecord, others: readonly Held[]): readonly string[] => {
  const { verdict, objection, event, place } = record
  const missing = others.filter(({ dag }) => dag.record(event.eventId) === undefined)
  const otherVerdicts = others.flatMap(({ server, dag }) => {
    const other = dag.record(event.eventId)
    return other === undefined || other.verdict === verdict ? [] : [`${other.verdict} on ${server}`]
  })
  return [
    ...(objection === undefined ? [] : [`${verdict} by ${objection.rule}: ${objection.reason}`]),
    ...(place === "outlier" ? ["its place in the history is not known"] : claimOf(record)),
    ...otherVerdicts,
    ...(missing.length === 0 ? [] : [`not held by ${missing.map(({ server }) => server).join(", ")}`]),
  ]
}

const claimOf = ({ stateSource }: TimelineRecord): readonly string[] =>
  stateSource.kind === "claimed" ? [`the state before it was told by ${stateSource.by}`] : []

/** All that the server resolved for the events that it holds, and what it shows now. */
const resolutionsOf = (dag: RoomDag): readonly CopiedResolution[] => {
  const rejected = [...dag.records()]
    .filter(({ verdict, index }) => verdict === "rejected" && index >= 0)
    .map(({ event }) => event.eventId)
    .sort(compareCodePoints)
  const resolution = (
    at: string | null,
    parents: readonly string[],
    resolved: TimelineRecord["stateBefore"],
  ) => ({
    at,
    stateSets: parents.map((parent) => stateByKey(dag, dag.timeline(parent)!.stateAfter)),
    rejected,
    resolved: stateByKey(dag, resolved),
  })
  const before = [...dag.records()].flatMap((record) => {
    if (record.place !== "timeline" || record.stateSource.kind !== "computed") return []
    const { eventId, prevEvents } = record.event
    const isMerge = new Set(prevEvents.map((parent) => dag.timeline(parent)?.stateAfter.digest)).size > 1
    return isMerge ? [resolution(eventId, prevEvents, record.stateBefore)] : []
  })
  return [...before, resolution(null, dag.forwardExtremities(), dag.currentState())]
}

const differencesOf = (held: readonly Held[]): readonly string[] => {
  const states = held.map(({ server, dag }) => ({ server, dag, state: stateByKey(dag, dag.currentState()) }))
  const keys = new Set(states.flatMap(({ state }) => Object.keys(state)))
  return [...keys].sort(compareCodePoints).flatMap((key) => {
    if (new Set(states.map(({ state }) => state[key])).size < 2) return []
    const shown = states.map(({ server, dag, state }) => {
      const eventId = state[key]
      return `${server} ${describeEvent(eventId === undefined ? undefined : dag.record(eventId)?.event)}`
    })
    return [`${key}: ${shown.join("; ")}`]
  })
}
