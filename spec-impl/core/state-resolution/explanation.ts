/** What a resolution did, step by step, as plain data. Nothing is noted where nobody asks. */
import type { AuthOutcome } from "../auth-rules/authorise.ts"
import type { Level } from "../auth-rules/power-levels.ts"
import type { AuthGraph } from "./auth-graph.ts"
import type { AuthAnswer, AuthSource } from "./auth-view.ts"
import type { Conflict } from "./conflict.ts"
import type { StateKey } from "./state-keys.ts"
import type { StateMap } from "./state-map.ts"

/** A key on which the state sets differ. */
export interface ExplainedConflict {
  readonly key: StateKey
  /** The event id in each state set, in the order in which these were given; undefined for absence. */
  readonly events: readonly (string | undefined)[]
}

/** A place in the reverse topological power ordering. */
export interface ExplainedPowerPlace {
  readonly eventId: string
  /** The sender's, by the events that this one cites; ∞ for a creator of room 12. */
  readonly level: Level
  readonly originServerTs: number | bigint
}

/** A place in the mainline ordering. */
export interface ExplainedMainlinePlace {
  readonly eventId: string
  /** ∞ where no m.room.power_levels of the mainline is behind the event. */
  readonly position: number
  readonly originServerTs: number | bigint
}

/** Something that the authorisation rules looked at while they judged an event. */
export interface ExplainedAuthEvent {
  readonly key: StateKey
  readonly eventId: string | undefined
  readonly source: AuthSource
}

/** One authorisation of one event. */
export interface ExplainedCheck {
  readonly eventId: string
  readonly key: StateKey
  readonly outcome: AuthOutcome
  readonly authEvents: readonly ExplainedAuthEvent[]
}

/**
 * A resolution as it went. Give a new one to `resolve`, which fills it. Lists without an order of their own are
 * sorted by event id.
 */
export class Explanation {
  readonly stateSetSizes: number[] = []
  /** How many keys all state sets agree on. */
  unconflictedCount = 0
  readonly conflicts: ExplainedConflict[] = []
  /** v2 and v2.1. */
  authDifference: readonly string[] = []
  /** v2.1. */
  conflictedSubgraph: readonly string[] = []
  /** Step 1 of v2 and v2.1. */
  readonly powerOrder: ExplainedPowerPlace[] = []
  /** The mainline by which step 3 of v2 and v2.1 orders: P_0, P_1, … */
  mainline: readonly string[] = []
  /** Step 3 of v2 and v2.1. */
  readonly mainlineOrder: ExplainedMainlinePlace[] = []
  /** In the order in which they were made: steps 2 and 4 of v2 and v2.1, all passes of v1. */
  readonly checks: ExplainedCheck[] = []
  /** What came out for the keys in conflict; undefined for absence. */
  readonly resolved: { readonly key: StateKey; readonly eventId: string | undefined }[] = []

  noteConflict(graph: AuthGraph, { stateSets, keys }: Conflict): void {
    for (const state of stateSets) this.stateSetSizes.push(state.size)
    const [first] = stateSets
    const inFirst = keys.filter((key) => (first?.get(key) ?? -1) >= 0).length
    this.unconflictedCount = (first?.size ?? 0) - inFirst
    for (const key of keys) {
      const events = stateSets.map((state) => idOf(graph, state.get(key)))
      this.conflicts.push({ key: graph.keyOf(key), events })
    }
  }

  noteAuthDifference(graph: AuthGraph, events: readonly number[]): void {
    this.authDifference = sortedIds(graph, events)
  }

  noteConflictedSubgraph(graph: AuthGraph, events: readonly number[]): void {
    this.conflictedSubgraph = sortedIds(graph, events)
  }

  notePowerOrdered(graph: AuthGraph, index: number, level: Level): void {
    const { eventId, originServerTs } = graph.event(index)
    this.powerOrder.push({ eventId, level, originServerTs })
  }

  noteMainline(graph: AuthGraph, events: readonly number[]): void {
    this.mainline = events.map((index) => graph.event(index).eventId)
  }

  noteMainlineOrdered(graph: AuthGraph, index: number, position: number): void {
    const { eventId, originServerTs } = graph.event(index)
    this.mainlineOrder.push({ eventId, position, originServerTs })
  }

  noteCheck(graph: AuthGraph, index: number, outcome: AuthOutcome, answers: readonly AuthAnswer[]): void {
    const authEvents = answers.map(({ type, stateKey, event, source }): ExplainedAuthEvent => {
      return { key: [type, stateKey], eventId: event?.eventId, source }
    })
    const key = graph.keyOf(graph.keyOfEvent(index))
    this.checks.push({ eventId: graph.event(index).eventId, key, outcome, authEvents })
  }

  noteResult(graph: AuthGraph, { keys }: Conflict, result: StateMap): void {
    for (const key of keys) {
      this.resolved.push({ key: graph.keyOf(key), eventId: idOf(graph, result.get(key)) })
    }
  }
}

const idOf = (graph: AuthGraph, index: number): string | undefined =>
  index < 0 ? undefined : graph.event(index).eventId

const sortedIds = (graph: AuthGraph, indices: readonly number[]): readonly string[] =>
  indices.map((index) => graph.event(index).eventId).sort()
