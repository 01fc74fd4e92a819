/**
 * Is a room, as one server holds it, sound in itself? Ids are what hashes say, what is cited is held, the forward
 * extremities are exactly those that they must be, each state follows from the states before it, none holds what
 * its own auth_events speak against, and what is redacted, and nothing else, is shown redacted. Nothing that was noted
 * on receipt is believed here that can be asked again.
 */
import { PowerLevels } from "#spec-impl/core/auth-rules/power-levels.ts"
import type { Event } from "#spec-impl/core/event.ts"
import { parseEvent } from "#spec-impl/core/event-format.ts"
import { isWhole } from "#spec-impl/core/hash.ts"
import { domainOf } from "#spec-impl/core/identifiers.ts"
import { canonicalJson } from "#spec-impl/core/json/encode.ts"
import { redact } from "#spec-impl/core/redaction.ts"
import type { EventRecord, TimelineRecord } from "#spec-impl/core/room-dag/event-record.ts"
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import type { Resolve } from "#spec-impl/core/state-resolution/resolve.ts"
import { StateMap } from "#spec-impl/core/state-resolution/state-map.ts"
import { contextByTheRules, objectionOfCitations } from "./by-the-rules.ts"

/** What is wrong with the room, one sentence each; none where it is sound. */
export const findInconsistencies = (dag: RoomDag): readonly string[] => [
  ...findGraphProblems(dag),
  ...findStateProblems(dag, dag.rules.resolve),
  ...findUnauthorisedStates(dag),
  ...findRedactionProblems(dag),
]

/** Events, what they cite, and the forward extremities. */
export const findGraphProblems = (dag: RoomDag): readonly string[] => [
  ...[...dag.records()].flatMap((record) => [
    ...idProblems(dag, record),
    ...graphProblems(dag, record),
    ...citationProblems(dag, record),
  ]),
  ...extremityProblems(dag),
]

/**
 * The states around events, and the current one, as `resolve` has it. An event may have been taken in while that gave
 * another state: by an outlier that was rejected once its place was known.
 */
export const findStateProblems = (
  dag: RoomDag,
  resolve: Resolve,
  hasFollowed: (record: TimelineRecord) => boolean = () => false,
): readonly string[] => [
  ...[...dag.records()].flatMap((record) => stateProblems(dag, resolve, record, hasFollowed)),
  ...currentStateProblems(dag, resolve),
]

/** What has a place in a state, and no right to it. */
export const findUnauthorisedStates = (dag: RoomDag): readonly string[] => {
  const rejected = new RejectedByCitations(dag)
  return [...dag.records()].flatMap((record) => rejectionProblems(rejected, record))
}

/** What is shown redacted, and what is not. */
export const findRedactionProblems = (dag: RoomDag): readonly string[] => {
  const records = [...dag.records()]
  const byTarget = Map.groupBy(records, ({ event }) => event.redacts)
  return records.flatMap(({ event }) => redactionProblems(dag, event, byTarget.get(event.eventId) ?? []))
}

const idProblems = (dag: RoomDag, { event }: EventRecord): readonly string[] => {
  const { version, readings } = dag.rules
  const parsed = parseEvent(event.pdu, version, { checkReferenceCounts: false, ...readings })
  if ("problem" in parsed) return [`${event.eventId} is kept, and is no event: ${parsed.problem}`]
  if (parsed.event.eventId !== event.eventId) return [`${event.eventId} is kept as ${parsed.event.eventId}`]
  if (isWhole(event.pdu) || canonicalJson(redact(event.pdu, version)) === canonicalJson(event.pdu)) return []
  return [`${event.eventId} is neither what its hash says nor redacted`]
}

/** What states are resolved by is what is held, and kept: the same copy of each event, and all that it cites. */
const graphProblems = ({ graph }: RoomDag, { event, index }: EventRecord): readonly string[] => {
  if (index < 0) return []
  if (graph.indexOf(event.eventId) !== index || graph.event(index) !== event)
    return [`${event.eventId} is resolved by another copy than the one that is held`]
  const cited = [...graph.citedBy(index)].map((at) => graph.event(at).eventId)
  return cited.join() === event.authEvents.join()
    ? []
    : [`${event.eventId} is resolved as if it cited ${cited.join(", ") || "nothing"}`]
}

const citationProblems = (dag: RoomDag, record: EventRecord): readonly string[] => {
  const { eventId, authEvents, prevEvents } = record.event
  const isComputed = record.place === "timeline" && record.stateSource.kind === "computed"
  return [
    ...authEvents
      .filter((cited) => dag.record(cited) === undefined)
      .map((cited) => `${eventId} cites ${cited}, which is not held`),
    ...(isComputed ? prevEvents : [])
      .filter((parent) => dag.timeline(parent) === undefined)
      .map((parent) => `${eventId} builds on ${parent}, whose place in the history is not known`),
  ]
}

/** Whether the state before the event is what those after its parents resolve to. */
export const followsItsParents = (
  dag: RoomDag,
  resolve: Resolve,
  { event, stateBefore, stateSource }: TimelineRecord,
): boolean =>
  stateSource.kind === "claimed" ||
  stateAfterAll(dag, resolve, event.prevEvents).digest === stateBefore.digest

const stateProblems = (
  dag: RoomDag,
  resolve: Resolve,
  record: EventRecord,
  hasFollowed: (record: TimelineRecord) => boolean,
): readonly string[] => {
  if (record.place === "outlier") return []
  const { event, stateBefore, stateAfter, verdict, index } = record
  const after = verdict === "rejected" || index < 0 ? stateBefore : dag.applied(stateBefore, index)
  return [
    ...(followsItsParents(dag, resolve, record) || hasFollowed(record)
      ? []
      : [`the state before ${event.eventId} is not what those after its parents resolve to`]),
    ...(after.digest === stateAfter.digest
      ? []
      : [`the state after ${event.eventId} is not that before it and it`]),
  ]
}

const currentStateProblems = (dag: RoomDag, resolve: Resolve): readonly string[] =>
  stateAfterAll(dag, resolve, dag.forwardExtremities()).digest === dag.currentState().digest
    ? []
    : ["the current state is not what those after the forward extremities resolve to"]

const stateAfterAll = (dag: RoomDag, resolve: Resolve, eventIds: readonly string[]): StateMap => {
  const states = eventIds.flatMap((eventId) => dag.timeline(eventId)?.stateAfter ?? [])
  const [first = StateMap.empty] = states
  return states.every((state) => state === first) ? first : resolve(dag.graph, states, contextByTheRules(dag))
}

const rejectionProblems = (rejected: RejectedByCitations, record: EventRecord): readonly string[] =>
  record.place === "outlier"
    ? []
    : [...rejected.in(record.stateBefore), ...rejected.in(record.stateAfter)].map(
        (eventId) =>
          `the state at ${record.event.eventId} holds ${eventId}, which its own auth_events reject`,
      )

const soundStates = new WeakSet<StateMap>()

/** States are shared by many events, and events by many states: each is looked at once. */
class RejectedByCitations {
  readonly #dag: RoomDag
  readonly #isRejected = new Map<string, boolean>()

  constructor(dag: RoomDag) {
    this.#dag = dag
  }

  in(state: StateMap): readonly string[] {
    if (soundStates.has(state)) return []
    const rejected = this.#dag.eventIdsIn(state).filter((eventId) => this.#has(eventId))
    if (rejected.length === 0) soundStates.add(state)
    return rejected
  }

  #has(eventId: string): boolean {
    const known = this.#isRejected.get(eventId)
    if (known !== undefined) return known
    const event = this.#dag.record(eventId)?.event
    const isRejected =
      event === undefined ||
      (objectionOfCitations(this.#dag, event) !== undefined && !restsOnRejectedSince(this.#dag, event))
    this.#isRejected.set(eventId, isRejected)
    return isRejected
  }
}

/** An outlier may be rejected once its place is known: the verdicts on what rested on it by then stand. */
const restsOnRejectedSince = (dag: RoomDag, { authEvents }: Event): boolean =>
  authEvents.some((cited) => dag.record(cited)?.objection?.check === 5)

/** By definition: rooms §Redactions, rooms/v3 §Handling redactions. */
const redactionProblems = (
  dag: RoomDag,
  event: Event,
  redactions: readonly EventRecord[],
): readonly string[] => {
  const isRedacted = redactions.some((record) => mayRedact(dag, record, event.sender))
  const shown = dag.redactions.shown(event).pdu
  const wanted = isRedacted ? redact(event.pdu, dag.rules.version) : event.pdu
  if (shown === wanted || canonicalJson(shown) === canonicalJson(wanted)) return []
  return [`${event.eventId} is shown ${isRedacted ? "whole, and is redacted" : "otherwise than it is"}`]
}

const mayRedact = (dag: RoomDag, record: EventRecord, author: string): boolean => {
  if (record.place === "outlier" || record.verdict !== "accepted") return false
  const { version } = dag.rules
  const { sender } = record.event
  if (version.redaction.application === "decided-by-auth" || domainOf(sender) === domainOf(author))
    return true
  const at = record.stateBefore.get(dag.graph.powerLevelsKey)
  const levels = new PowerLevels(at < 0 ? undefined : dag.graph.event(at), dag.create(), version)
  return levels.ofUser(sender) >= levels.scalar("redact")
}

/**
 * The forward extremities. By definition, not by how they are kept: what is accepted and has no accepted descendant,
 * through any others. What a server held when it came back may be none where it could not fetch what came between. What
 * was fetched as history is none, though all that builds on it be soft-failed, rejected or not to be had; nor does it
 * cover anything then, for the branch would be lost to the present.
 */
const extremityProblems = (dag: RoomDag): readonly string[] => {
  const timeline = [...dag.records()].filter(
    (record): record is TimelineRecord => record.place === "timeline",
  )
  const present = timeline.filter(
    ({ verdict, arrival }) => verdict === "accepted" && arrival !== "historical",
  )
  const covered = before(dag, present)
  const wanted = present.map(({ event }) => event.eventId).filter((eventId) => !covered.has(eventId))
  const kept = dag.forwardExtremities()
  const lastEntry = timeline.findLastIndex(mayBeEntry)
  const mayBeGone = new Set(timeline.slice(0, Math.max(0, lastEntry)).map(({ event }) => event.eventId))
  return [
    ...wanted
      .filter((eventId) => !kept.includes(eventId) && !mayBeGone.has(eventId))
      .map((eventId) => `${eventId} is no extremity, and should be`),
    ...kept
      .filter((eventId) => !wanted.includes(eventId))
      .map((eventId) => `${eventId} is an extremity, and should not be`),
  ]
}

/** A join of which the state was told; that it was this server's way in is not known any more after a restart. */
const mayBeEntry = ({ arrival, stateSource, event: { type, content } }: TimelineRecord): boolean =>
  arrival === "entry" ||
  (stateSource.kind === "claimed" && type === "m.room.member" && content.membership === "join")

/** All that comes before those events, as far as it is known. */
const before = (dag: RoomDag, records: readonly TimelineRecord[]): ReadonlySet<string> => {
  const found = new Set<string>()
  const waiting = records.flatMap(({ event }) => event.prevEvents)
  for (let eventId = waiting.pop(); eventId !== undefined; eventId = waiting.pop()) {
    if (found.has(eventId)) continue
    found.add(eventId)
    waiting.push(...(dag.timeline(eventId)?.event.prevEvents ?? []))
  }
  return found
}
