/**
 * A room as one server knows it: the events it holds, the state around each, and the forward extremities.
 *
 * Nothing here waits or writes: `examine…` computes what would become of an event, the homeserver makes that
 * durable, and `apply` then lets everybody see it. So nobody reads what is not committed.
 */
import { type AuthContext, authorise } from "../auth-rules/authorise.ts"
import type { Event } from "../event.ts"
import { isWhole } from "../hash.ts"
import type { Readings } from "../readings.ts"
import type { RoomVersion } from "../room-version.ts"
import { policyServerSignatureCheck } from "../signing.ts"
import { AuthGraph } from "../state-resolution/auth-graph.ts"
import type { Resolve } from "../state-resolution/resolve.ts"
import type { StateMap } from "../state-resolution/state-map.ts"
import { viewOfState } from "./auth-views.ts"
import { areCopies, betterCopy } from "./copies.ts"
import {
  type Arrival,
  type Claim,
  computed,
  type EventRecord,
  type Objection,
  type OutlierRecord,
  TimelineRecord,
} from "./event-record.ts"
import { ForeseenExtremities } from "./forward-extremities.ts"
import { type Elsewhere, HeldEvents } from "./held-events.ts"
import {
  objectionByCitations,
  objectionByPresent,
  objectionByState,
  objectionIn,
  verdictBy,
} from "./objections.ts"
import { isPolicyEvent, type PolicyServer, policyServerOf } from "./policy-server.ts"
import { RecentResolutions } from "./recent-resolutions.ts"
import { Redactions } from "./redactions.ts"

/** What a room needs from outside: its rules, its readings, and the two pure functions that may be shared. */
export interface RoomRules {
  readonly version: RoomVersion
  readonly readings: Readings
  readonly resolve: Resolve
  readonly verify: AuthContext["signatures"]["verify"]
  /** Where events go that are evicted; without it none can be. */
  readonly elsewhere?: Elsewhere
}

export class RoomDag {
  readonly rules: RoomRules
  readonly graph: AuthGraph
  /** What of the events is shown, and what not. */
  readonly redactions = new Redactions(this)
  /** The events, in memory and out of it. */
  readonly held: HeldEvents
  readonly #signedRestrictedJoins: Set<string>
  /** The events of the graph below this index are held; from it on they were examined, and are not applied yet. */
  #heldIndices = 0
  /** By what rules events of the room are judged. */
  readonly context: AuthContext
  /**
   * While the memberships before this server's join are not all known (partial state): the servers that are said
   * to be in the room. Undefined where the state is whole.
   */
  presumedServers: ReadonlySet<string> | undefined
  #extremities: ReadonlySet<string> = new Set()
  readonly #foreseen = new ForeseenExtremities()
  #currentState: StateMap | undefined
  readonly #recentResolutions = new RecentResolutions()

  constructor(rules: RoomRules, signedRestrictedJoins = new Set<string>()) {
    this.rules = rules
    this.#signedRestrictedJoins = signedRestrictedJoins
    this.graph = new AuthGraph(rules.version)
    this.held = new HeldEvents(rules.version, rules.elsewhere)
    this.context = {
      version: rules.version,
      readings: rules.readings,
      signatures: {
        restrictedJoinIsSigned: (event) => this.restrictedJoinIsSigned(event.eventId),
        verify: rules.verify,
      },
    }
  }

  /** The room without its events: as it was before the first came, but for the signatures that were noted. */
  withoutEvents(): RoomDag {
    return new (this.constructor as typeof RoomDag)(this.rules, this.#signedRestrictedJoins)
  }

  /** What is held of `eventId`, outliers included. What was evicted is read, and another object each time. */
  record(eventId: string): EventRecord | undefined {
    return this.held.record(eventId)
  }

  /** What is held of `eventId` as part of the history. */
  timeline(eventId: string): TimelineRecord | undefined {
    const record = this.held.record(eventId)
    return record?.place === "timeline" ? record : undefined
  }

  /** Whether the event is held, in memory or not. */
  holds(eventId: string): boolean {
    return this.held.has(eventId)
  }

  /** Whether the event is part of the history. */
  isInHistory(eventId: string): boolean {
    return this.held.verdictOf(eventId) !== undefined
  }

  /** All that is held, in the order in which it came; but first what was evicted, which is read one by one. */
  records(): IterableIterator<EventRecord> {
    return this.held.all()
  }

  /** Ids of the forward extremities, by code point. */
  forwardExtremities(): readonly string[] {
    return [...this.#extremities].sort()
  }

  /** What the forward extremities will be once `records` are applied, by code point. */
  forwardExtremitiesWith(records: readonly EventRecord[]): readonly string[] {
    const [record, ...others] = records
    // Of one they follow from what is there, unless it enters the room anew: then from where its history breaks off too.
    if (record?.place === "timeline" && others.length === 0 && record.arrival !== "entry") {
      const isThere = this.isInHistory(record.event.eventId)
      return isThere ? this.forwardExtremities() : [...this.#extremitiesWith(record)].sort()
    }
    return this.#provisionally((apply) => {
      // What is no part of the history is in nobody's way.
      for (const record of records) if (record.place === "timeline") apply(record)
      return this.forwardExtremities()
    })
  }

  /** The room's create event, where it is held and was not rejected. */
  create(): Event | undefined {
    return this.graph.createEvent()
  }

  /** The room's state: the resolution of the states after its forward extremities. */
  currentState(): StateMap {
    this.#currentState ??= this.stateBeforeChildOf(this.forwardExtremities())
    return this.#currentState
  }

  /** The state before an event whose parents are `prevEvents`, all of which must be part of the history. */
  stateBeforeChildOf(prevEvents: readonly string[]): StateMap {
    const states = prevEvents.map((eventId) => {
      const state = this.held.stateAfter(eventId)
      if (state === undefined) throw new Error(`no state is known after ${eventId}`)
      return state
    })
    return this.#recentResolutions.of(this.graph, this.#signedRestrictedJoins.size, states, () =>
      this.rules.resolve(this.graph, states, this.context),
    )
  }

  /** The event of `state` under that type and key, as it is shown: redacted, where it is. */
  eventIn(state: StateMap, type: string, stateKey: string): Event | undefined {
    const event = viewOfState(this.graph, state).get(type, stateKey)
    return event === undefined ? undefined : this.redactions.shown(event)
  }

  /** The ids of all events in `state`, by no order that means anything. */
  eventIdsIn(state: StateMap): string[] {
    const ids: string[] = []
    state.forEach((index) => void ids.push(this.graph.event(index).eventId))
    return ids
  }

  /** Those parents of `event` that are not part of the history. */
  missingPrevEvents(event: Event): readonly string[] {
    return event.prevEvents.filter((eventId) => !this.isInHistory(eventId))
  }

  /** Those auth events of `event` that are not held at all. */
  missingAuthEvents(event: Event): readonly string[] {
    return event.authEvents.filter((eventId) => !this.holds(eventId))
  }

  /** Notes, as checked on receipt, that the server of `join_authorised_via_users_server` signed the event. */
  noteSignedRestrictedJoin(eventId: string): void {
    this.#signedRestrictedJoins.add(eventId)
  }

  /** Whether that was noted. */
  restrictedJoinIsSigned(eventId: string): boolean {
    return this.#signedRestrictedJoins.has(eventId)
  }

  /**
   * Whether another event is held under the id of this one: whoever makes an event of room 1 or 2 picks its id, and
   * may do so twice. The one that came first stays; the other can have no place. In such a room nothing is evicted.
   */
  holdsAnother(event: Event): boolean {
    const held = this.held.inMemory(event.eventId)?.event
    return held !== undefined && !areCopies(held, event, this.rules.version)
  }

  /** The copy of the event that is to be kept: the given one, unless it is redacted and a whole one is held. */
  bestCopy(event: Event): Event {
    const held = this.record(event.eventId)?.event
    return held === undefined || this.holdsAnother(event) ? event : betterCopy(held, event)
  }

  /**
   * Whether the event is held as an outlier in a redacted copy, and this is a whole one: by which it is to be replaced,
   * for whoever gave that copy may have meant to hide what it says.
   */
  bettersOutlier(event: Event): boolean {
    const held = this.held.inMemory(event.eventId)
    return (
      held?.place === "outlier" && !isWhole(held.event.pdu) && isWhole(event.pdu) && !this.holdsAnother(event)
    )
  }

  /**
   * Check 4 alone, for an event whose place in the history is not known. All its auth events must be held. Where another
   * copy of it was accepted that stands, as in `examine`.
   */
  examineOutlier(event: Event): OutlierRecord {
    const held = this.record(event.eventId)
    const objection = held?.verdict === "accepted" ? undefined : objectionByCitations(this, event)
    return {
      place: "outlier",
      event,
      verdict: objection === undefined ? "accepted" : "rejected",
      objection,
      index: objection === undefined ? this.intern(event) : -1,
      children: undefined,
    }
  }

  /**
   * Checks 4 to 7 (§Checks performed on receipt of a PDU), for an event whose auth events are all held.
   * `claimed` is the state before it as another server gave it; without it all parents must be in the history.
   * In partial state checks 6 and 7 are put off: whether an event is soft-failed is decided once the state is whole.
   * Of an outlier the better copy is examined and kept (`copies.ts`); where its own auth_events once allowed it, that
   * stands, for others may rest on it (`event-record.ts`).
   */
  examine(offered: Event, arrival: Arrival, claimed?: Claim): TimelineRecord {
    const held = this.record(offered.eventId)
    if (held && this.holdsAnother(offered)) throw new Error(`another event is held as ${offered.eventId}`)
    const event = held === undefined ? offered : this.bestCopy(offered)
    const stateBefore = claimed?.state ?? this.stateBeforeChildOf(event.prevEvents)
    const { by, leftOut = [] } = claimed ?? {}
    const named = leftOut.length > 0 ? { leftOut } : {}
    const stateSource = by === undefined ? computed : { kind: "claimed" as const, by, ...named }
    const byCitations = held?.verdict === "accepted" ? undefined : objectionByCitations(this, event)
    const objection =
      byCitations ??
      objectionByState(this, event, stateBefore, 5) ??
      (arrival === "new" && this.#extremities.size > 0 && this.presumedServers === undefined
        ? objectionByPresent(this, event, stateBefore, claimed)
        : undefined)
    const verdict = verdictBy(objection, this.rules.readings)
    const index = byCitations === undefined ? this.intern(event) : -1
    const applies = verdict !== "rejected" && index >= 0
    const stateAfter = applies ? this.applied(stateBefore, index) : stateBefore
    const facts = { event, verdict, objection, index, stateBefore, stateAfter, stateSource, arrival }
    return new TimelineRecord(facts)
  }

  /**
   * Examines new events one after the other, each as if those before it had been applied, up to the first that
   * `isReady` stops in view of these. One that is part of the history already is given as it is held.
   */
  examineInTurn(events: readonly Event[], isReady: (event: Event) => boolean): readonly TimelineRecord[] {
    return this.#provisionally((apply) => {
      const records: TimelineRecord[] = []
      for (const event of events) {
        // The last one nobody would see.
        const last = records.at(-1)
        if (last !== undefined) apply(last)
        const held = this.timeline(event.eventId)
        if (held === undefined && !isReady(event)) break
        const record = held ?? this.examine(event, "new")
        records.push(record)
        // What it redacts may be part of what the next one is judged by.
        if (record.event.redacts !== undefined) break
      }
      return records
    })
  }

  /** Why an event would not be allowed at the end of the history, once all have signed it that must; if so. */
  objectionNow(draft: Event): Objection | undefined {
    const signatures = { ...this.context.signatures, restrictedJoinIsSigned: () => true }
    const view = viewOfState(this.graph, this.currentState())
    return objectionIn(authorise(draft, view, { ...this.context, signatures }), 6)
  }

  /** The policy server whose signature the event needs to be recommended for the room, and does not have; if any. */
  lackedPolicyServer(event: Event): PolicyServer | undefined {
    const { readings, version, verify } = this.rules
    if (readings.policyServers === "unknown" || isPolicyEvent(event)) return undefined
    const policy = policyServerOf(this.graph, this.currentState(), this.presumedServers)
    if (policy === undefined) return undefined
    const check = policyServerSignatureCheck(event, version, policy.via)
    return check !== undefined && verify(policy.publicKey, check.message, check.signature)
      ? undefined
      : policy
  }

  /** `state` with the event at `index` in its place. */
  applied(state: StateMap, index: number): StateMap {
    return state.set(this.graph, index)
  }

  /**
   * Lets everybody see what was examined, before anything else is. A record of the history replaces an outlier's of the
   * same event.
   */
  apply(record: EventRecord): void {
    if (this.held.inMemory(record.event.eventId) === record) return
    if (this.#place(record) !== undefined) this.redactions.note(record)
  }

  /** Gives how to take it back, the last one first; undefined where the event is part of the history already. */
  #place(record: EventRecord, movesExtremities = true): (() => void) | undefined {
    const { event, index } = record
    const before = this.held.inMemory(event.eventId)
    if (this.isInHistory(event.eventId)) return undefined
    if (index >= 0 && this.graph.indexOf(event.eventId) !== index) {
      throw new Error(`${event.eventId} must be examined anew`)
    }
    const wasRejected = index >= 0 && this.graph.isRejected(index)
    const heldIndices = this.#heldIndices
    const extremities = this.#extremities
    const currentState = this.#currentState
    const parents = record.place === "timeline" ? event.prevEvents : []
    const moved = record.place === "timeline" && movesExtremities ? this.#extremitiesWith(record) : undefined
    this.held.put(record)
    if (index >= 0) {
      this.#heldIndices = Math.max(heldIndices, index + 1)
      this.graph.replace(index, event)
      this.graph.setRejected(index, record.verdict === "rejected")
    }
    for (const parent of parents) this.held.addChild(parent, event.eventId)
    if (moved !== undefined) {
      this.#extremities = moved
      this.#currentState = undefined
    }
    return () => {
      if (before === undefined) this.held.remove(event.eventId)
      else this.held.put(before)
      if (index >= 0) this.graph.setRejected(index, wasRejected)
      if (before !== undefined && before.index >= 0) this.graph.replace(index, before.event)
      this.#heldIndices = heldIndices
      for (const parent of parents) this.held.removeLastChild(parent)
      this.#extremities = extremities
      this.#currentState = currentState
    }
  }

  /** Runs `work` with records applied that are not durable yet, and takes them back: nobody else sees them. */
  #provisionally<A>(work: (apply: (record: EventRecord) => void) => A): A {
    const placed: (() => void)[] = []
    try {
      return work((record) => {
        const takeBack = this.#place(record)
        if (takeBack !== undefined) placed.push(takeBack)
      })
    } finally {
      for (const takeBack of placed.reverse()) takeBack()
    }
  }

  /** Takes up what was kept, in the order in which it was applied. The extremities are kept by themselves. */
  restore(record: EventRecord): void {
    if (this.#place(record, false) !== undefined) this.redactions.note(record)
  }

  /** Takes up the forward extremities as they were kept. */
  restoreExtremities(extremities: readonly string[]): void {
    this.#extremities = new Set(extremities)
    this.#currentState = undefined
  }

  #extremitiesWith(record: TimelineRecord): ReadonlySet<string> {
    return this.#foreseen.with(this.#extremities, record, this.held)
  }

  /**
   * The index by which the state after the event is worked out. Until `apply` it is only lent: an event that was
   * examined and came to nothing (refused, or not to be kept) leaves the graph again here. Else it would stay there in
   * the copy that was refused, while another one that is accepted later is in the records and on disk.
   */
  protected intern(event: Event): number {
    if (event.stateKey === undefined) return -1
    this.graph.truncate(this.#heldIndices)
    return this.graph.add(event)
  }
}
