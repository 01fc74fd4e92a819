/** What the specification says of an event in a room, whatever the server that holds it made of it. */
import type { AuthContext } from "#spec-impl/core/auth-rules/authorise.ts"
import type { Event } from "#spec-impl/core/event.ts"
import type { EventRecord, Objection, TimelineRecord } from "#spec-impl/core/room-dag/event-record.ts"
import { objectionByCitations, objectionByState } from "#spec-impl/core/room-dag/objections.ts"
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { roomVersion } from "#spec-impl/core/room-version.ts"
import type { Resolve } from "#spec-impl/core/state-resolution/resolve.ts"
import type { StateMap } from "#spec-impl/core/state-resolution/state-map.ts"

/** By the rules of the room's version as they are written, and as the server reads them. */
export const contextByTheRules = (dag: RoomDag): AuthContext => {
  const version = roomVersion(dag.rules.version.id) ?? dag.rules.version
  return version === dag.rules.version ? dag.context : { ...dag.context, version }
}

const judgingBy = (dag: RoomDag, context: AuthContext) => ({
  rules: { version: context.version },
  graph: dag.graph,
  context,
  presumedServers: dag.presumedServers,
  record: (eventId: string) => dag.record(eventId),
  create: () => dag.create(),
})

/** The room itself where its server reads the rules as they are written. */
const judging = (dag: RoomDag): Parameters<typeof objectionByCitations>[0] => {
  const context = contextByTheRules(dag)
  return context === dag.context ? dag : judgingBy(dag, context)
}

/**
 * What its own auth_events speak against it by (check 4). Those that `stoodThen` names count as accepted, whatever
 * became of them since. By some that are not held nobody can judge it.
 */
export const objectionOfCitations = (
  dag: RoomDag,
  event: Event,
  stoodThen?: (eventId: string) => boolean,
): Objection | undefined => {
  const missing = event.authEvents.find((cited) => dag.record(cited) === undefined)
  if (missing !== undefined) return { check: 4, rule: "auth_events", reason: `${missing} is not held` }
  if (stoodThen === undefined) return objectionByCitations(judging(dag), event)
  const record = (eventId: string): EventRecord | undefined => {
    const held = dag.record(eventId)
    if (held?.verdict !== "rejected" || !stoodThen(eventId)) return held
    return held.place === "timeline" ? held.with({ verdict: "accepted" }) : { ...held, verdict: "accepted" }
  }
  return objectionByCitations({ ...judgingBy(dag, contextByTheRules(dag)), record }, event)
}

/** What that state speaks against it by: the one before it (check 5), or the current one (check 6). */
export const objectionOfState = (
  dag: RoomDag,
  event: Event,
  state: StateMap,
  check: 5 | 6,
): Objection | undefined => objectionByState(judging(dag), event, state, check)

/**
 * The state of the room whose forward extremities leave `states`, as a new event faces it: with the one that was told
 * where the event stands behind a gap (`objections.ts`).
 */
export const presentFor = (
  resolve: Resolve,
  dag: RoomDag,
  states: readonly StateMap[],
  { stateSource, stateBefore }: TimelineRecord,
): StateMap => {
  const isToldToo = stateSource.kind === "claimed" && dag.rules.readings.presentBehindGap !== "held-alone"
  return resolve(dag.graph, isToldToo ? [...states, stateBefore] : states, contextByTheRules(dag))
}

/** The states after the forward extremities. */
export const statesOfTips = (dag: RoomDag): readonly StateMap[] =>
  dag.forwardExtremities().flatMap((eventId) => dag.timeline(eventId)?.stateAfter ?? [])
