import type { Event } from "../event.ts"
import type { StateMap } from "../state-resolution/state-map.ts"

/**
 * What a server made of an event that it keeps (server-server API §Checks performed on receipt of a PDU).
 * A dropped event leaves no record: what cites events that are not to be had is dropped, not rejected, and may come again.
 *
 * A verdict stands. By its own auth_events an event is judged the same wherever it stands, and the state before it is
 * what its parents, or whoever claimed it, once said. The checks are made on receipt: that the policy server signs a
 * soft-failed event later does not change that it was, and once an accepted event builds on it it is part of the room
 * like any other (§Soft failure).
 *
 * Two things alone are decided anew: an outlier whose place in the history is found faces checks 5 to 7 as well, so
 * that an accepted one may be rejected (what cited it before stays), and check 4 if it failed that, for it may have
 * come in a worse copy before (`copies.ts`); and all that came in partial state, once it is whole (`decide-anew.ts`).
 */
export type Verdict = "accepted" | "rejected" | "soft-failed"

/** The state before an event as another server told it. */
export interface Claim {
  readonly state: StateMap
  readonly by: string
  /** Ids that it named too, of events that have no part in a state here: their own auth_events reject them. */
  readonly leftOut?: readonly string[]
}

/** Where the state before an event came from: from its parents, or from what another server claimed. */
export type StateSource =
  | { readonly kind: "computed" }
  | { readonly kind: "claimed"; readonly by: string; readonly leftOut?: readonly string[] }

/** The same for all events of which it was. */
export const computed: StateSource = { kind: "computed" }

/**
 * How an event stands to the room's present: `new` ones face the current state too (checks 6 and 7), `historical`
 * ones were fetched of the past, and `entry` is the join by which this server came in: the present is what it was
 * told with it, whatever it held before.
 */
export type Arrival = "new" | "historical" | "entry"

/** An event that a server holds, with what it decided about it. */
export type EventRecord = OutlierRecord | TimelineRecord

/** Why an event was not accepted: which of the seven checks, and the rule by which it failed. */
export interface Objection {
  /** 4: its own auth_events; 5: the state before it; 6: the current state; 7: the policy server. */
  readonly check: 4 | 5 | 6 | 7
  /** By the numbers of the room version's page; of check 7 "policy". */
  readonly rule: string
  readonly reason: string
}

interface Held {
  readonly event: Event
  readonly verdict: Verdict
  /** Undefined for an accepted event. */
  readonly objection: Objection | undefined
  /** Its place in the auth graph; −1 for message events, and for events that their own auth_events reject. */
  readonly index: number
  /** Which events of the history name it among their prev_events. Of those that hold it alone `HeldEvents` writes it. */
  children: Children | undefined
}

/** Most events have one child, which stands for itself; more are an array that has no room for others. */
export type Children = string | readonly string[]

/** Held for the sake of the events that cite it; its place in the room's history is not known. */
export interface OutlierRecord extends Held {
  readonly place: "outlier"
}

/** What the checks made of an event, and from where they knew the state before it. */
interface Judgement {
  readonly verdict: Verdict
  readonly objection: Objection | undefined
  readonly stateSource: StateSource
  readonly arrival: Arrival
}

/** One and the same for all events that were accepted, in view of a state that came of their parents. */
const acceptedBy = (arrival: Arrival): Judgement => ({
  ...{ verdict: "accepted", objection: undefined, stateSource: computed },
  arrival,
})
const usual: Readonly<Record<Arrival, Judgement>> = {
  new: acceptedBy("new"),
  historical: acceptedBy("historical"),
  entry: acceptedBy("entry"),
}

const sharedJudgement = ({ verdict, objection, stateSource, arrival }: Judgement): Judgement =>
  verdict === "accepted" && objection === undefined && stateSource === computed
    ? usual[arrival]
    : { verdict, objection, stateSource, arrival }

/** What a record of the history says. */
interface TimelineFacts extends Judgement {
  readonly event: Event
  readonly index: number
  readonly stateBefore: StateMap
  readonly stateAfter: StateMap
}

/**
 * Part of the room's history: the state before and after it is known. Of a room of a thousand servers each holds
 * thousands, so what is alike of most is held once.
 */
export class TimelineRecord implements Held, TimelineFacts {
  readonly event: Event
  readonly index: number
  readonly stateBefore: StateMap
  /** The state before, with the event applied unless it was rejected (§Rejection). */
  readonly stateAfter: StateMap
  children: Children | undefined = undefined
  /**
   * Its place in the order in which this server took events in; negative for what was fetched of the past, 0 while it
   * has none. Written once, by the room's timeline.
   */
  position: number
  readonly #judgement: Judgement

  constructor(facts: TimelineFacts, position = 0) {
    this.event = facts.event
    this.index = facts.index
    this.stateBefore = facts.stateBefore
    this.stateAfter = facts.stateAfter
    this.position = position
    this.#judgement = sharedJudgement(facts)
  }

  get place(): "timeline" {
    return "timeline"
  }

  get verdict(): Verdict {
    return this.#judgement.verdict
  }

  get objection(): Objection | undefined {
    return this.#judgement.objection
  }

  get stateSource(): StateSource {
    return this.#judgement.stateSource
  }

  get arrival(): Arrival {
    return this.#judgement.arrival
  }

  /** The same but for that, with no place in the room's order yet. */
  with(changes: Partial<TimelineFacts>): TimelineRecord {
    const { event, index, stateBefore, stateAfter, verdict, objection, stateSource, arrival } = this
    const facts = { event, index, stateBefore, stateAfter, verdict, objection, stateSource, arrival }
    return new TimelineRecord({ ...facts, ...changes })
  }
}
