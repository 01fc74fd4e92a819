/** What speaks against an event by one of the checks on receipt (§Checks performed on receipt of a PDU), and its verdict. */
import { type AuthContext, type AuthOutcome, authoriseCitations } from "../auth-rules/authorise.ts"
import type { Citation } from "../auth-rules/citation-rules.ts"
import { authoriseOnce, isSameCopy } from "../auth-rules/known-outcomes.ts"
import type { Event } from "../event.ts"
import type { Readings } from "../readings.ts"
import { Recent } from "../recent.ts"
import type { RoomVersion } from "../room-version.ts"
import type { AuthGraph } from "../state-resolution/auth-graph.ts"
import type { Resolve } from "../state-resolution/resolve.ts"
import type { StateMap } from "../state-resolution/state-map.ts"
import { viewOfCitations, viewOfPartialState, viewOfState } from "./auth-views.ts"
import type { Claim, EventRecord, Objection, TimelineRecord, Verdict } from "./event-record.ts"
import type { PolicyServer } from "./policy-server.ts"

/** What is asked of the room. */
interface JudgingRoom {
  readonly rules: { readonly version: RoomVersion }
  readonly graph: AuthGraph
  readonly context: AuthContext
  readonly presumedServers: ReadonlySet<string> | undefined
  readonly record: (eventId: string) => EventRecord | undefined
  readonly create: () => Event | undefined
}

/** What is asked of it where an event is judged by the present. */
interface PresentRoom extends JudgingRoom {
  readonly rules: {
    readonly version: RoomVersion
    readonly readings: Readings
    readonly resolve: Resolve
  }
  readonly timeline: (eventId: string) => TimelineRecord | undefined
  readonly forwardExtremities: () => readonly string[]
  readonly currentState: () => StateMap
  readonly lackedPolicyServer: (event: Event) => PolicyServer | undefined
}

/** Check 4: by its own auth_events, which must be held. */
export const objectionByCitations = (room: JudgingRoom, event: Event): Objection | undefined => {
  const { context } = room
  const cited = event.authEvents.map((eventId): Citation => {
    const record = room.record(eventId)
    if (record === undefined) throw new Error(`${event.eventId} cites ${eventId}, which is not held`)
    return { event: record.event, rejected: record.verdict === "rejected" }
  })
  if (!areWellCited(event, cited, context)) {
    const objection = authoriseCitations(event, cited, context)
    if (objection !== undefined) return objectionIn(objection, 4)
    wellCited.keep(event, { cited, version: context.version, readings: context.readings })
  }
  const create = room.rules.version.roomIdIsCreateHash ? room.create() : undefined
  const view = viewOfCitations(
    cited.map((citation) => citation.event),
    create,
  )
  return objectionIn(authoriseOnce(event, view, context), 4)
}

/** Events with auth_events against which nothing speaks: servers of one process judge the same ones. */
const wellCited = new Recent<
  Event,
  Pick<AuthContext, "version" | "readings"> & { readonly cited: readonly Citation[] }
>()

const areWellCited = (
  event: Event,
  cited: readonly Citation[],
  { version, readings }: AuthContext,
): boolean => {
  const known = wellCited.get(event)
  if (known?.version !== version || known.readings !== readings) return false
  return cited.every(
    (citation, at) =>
      isSameCopy(citation.event, known.cited[at]!.event) && citation.rejected === known.cited[at]!.rejected,
  )
}

/** Checks 5 and 6: by the state before it, or the current one; in partial state what that lacks is as the event cites it. */
export const objectionByState = (
  room: JudgingRoom,
  event: Event,
  state: StateMap,
  check: 5 | 6,
): Objection | undefined => {
  const known = viewOfState(room.graph, state)
  const citedBy = () => event.authEvents.flatMap((eventId) => room.record(eventId)?.event ?? [])
  const view = room.presumedServers === undefined ? known : viewOfPartialState(known, citedBy())
  return objectionIn(authoriseOnce(event, view, room.context), check)
}

/** Checks 6 and 7: by the current state, unless check 5 was by that; and the room's policy server has not signed it. */
export const objectionByPresent = (
  room: PresentRoom,
  event: Event,
  stateBefore: StateMap,
  claimed: Claim | undefined,
): Objection | undefined => {
  const current = presentFor(room, claimed)
  const byState = current === stateBefore ? undefined : objectionByState(room, event, current, 6)
  if (byState !== undefined) return byState
  const policy = room.lackedPolicyServer(event)
  return policy === undefined
    ? undefined
    : { check: 7, rule: "policy", reason: `the policy server ${policy.via} did not sign it` }
}

/**
 * The current state as an event faces it (check 6). What this server goes by may be old news where it has not heard
 * what came before the event: that may be the very thing that allows it, and once it is fetched it is history. So the
 * state that was told is resolved with the present, and a ban holds against who leaves a gap to get round it.
 */
const presentFor = (room: PresentRoom, claimed: Claim | undefined): StateMap => {
  const { readings, resolve } = room.rules
  if (claimed === undefined || readings.presentBehindGap === "held-alone") return room.currentState()
  const states = room.forwardExtremities().flatMap((eventId) => room.timeline(eventId)?.stateAfter ?? [])
  return resolve(room.graph, [...states, claimed.state], room.context)
}

/** Whether what speaks against an event rejects it, or is seen only once it is part of the history (§Soft failure). */
export const verdictBy = (objection: Objection | undefined, { softFailedEvents }: Readings): Verdict => {
  if (objection === undefined) return "accepted"
  return objection.check >= 6 && softFailedEvents === "take-part" ? "soft-failed" : "rejected"
}

/** The outcome of a check as what speaks against the event; undefined where nothing does. */
export const objectionIn = (outcome: AuthOutcome, check: Objection["check"]): Objection | undefined =>
  outcome.allowed ? undefined : { check, rule: outcome.rule, reason: outcome.reason }
