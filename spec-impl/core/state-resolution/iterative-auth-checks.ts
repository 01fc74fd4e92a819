/** §Iterative auth checks (rooms/v2 §Definitions). */
import { type AuthContext, type AuthState, authorise } from "../auth-rules/authorise.ts"
import type { Event } from "../event.ts"
import type { AuthGraph } from "./auth-graph.ts"
import type { Checked, Explanation } from "./explanation.ts"
import type { StateMap } from "./state-map.ts"

/** A state while it is being resolved: what was decided so far, over the map that it began from. */
export class PartialState {
  readonly decided = new Map<number, number>()
  readonly #start: StateMap

  constructor(start: StateMap) {
    this.#start = start
  }

  /** The event under that key, or −1. */
  get(key: number): number {
    return this.decided.get(key) ?? this.#start.get(key)
  }
}

/** Goes through `events` in order, and puts those that the rules allow into the state. */
export const checkIteratively = (
  graph: AuthGraph,
  state: PartialState,
  events: readonly number[],
  context: AuthContext,
  explanation: Explanation | undefined,
): void => {
  const view = new CheckedView(graph, state, context, explanation !== undefined)
  for (const index of events) {
    if (context.readings.rejectedInState === "skip" && graph.isRejected(index)) continue
    const event = graph.event(index)
    view.begin(index)
    const outcome = authorise(event, view, context)
    if (outcome.allowed) state.decided.set(graph.keyOfEvent(index), index)
    explanation?.checks.push({
      eventId: event.eventId,
      key: graph.keyOf(graph.keyOfEvent(index)),
      outcome,
      by: view.asked(),
    })
  }
}

/**
 * What the rules see: the partial state, or where that has nothing the event's own auth_events, if they were
 * not rejected. A rejected event in the partial state is passed over: a reading.
 */
class CheckedView implements AuthState {
  readonly #graph: AuthGraph
  readonly #state: PartialState
  readonly #skipsRejected: boolean
  readonly #impliesCreate: boolean
  readonly #asked: Map<string, Checked["by"][number]> | undefined
  #index = 0

  constructor(graph: AuthGraph, state: PartialState, context: AuthContext, notes: boolean) {
    this.#graph = graph
    this.#state = state
    this.#skipsRejected = context.readings.rejectedInPartialState === "skip"
    this.#impliesCreate = context.version.auth.createInAuthEvents === "forbidden"
    this.#asked = notes ? new Map() : undefined
  }

  begin(index: number): void {
    this.#index = index
    this.#asked?.clear()
  }

  asked(): Checked["by"] {
    return [...(this.#asked?.values() ?? [])]
  }

  get(type: string, stateKey: string): Event | undefined {
    const graph = this.#graph
    const key = graph.knownKeyIndex(type, stateKey)
    if (key < 0) return undefined
    const held = this.#state.get(key)
    if (held >= 0 && !(this.#skipsRejected && graph.isRejected(held))) return this.#found(held, "state")
    for (let edge = graph.edgesFrom(this.#index); edge < graph.edgesTo(this.#index); edge++) {
      const cited = graph.citedAt(edge)
      if (graph.keyOfEvent(cited) === key && !graph.isRejected(cited)) return this.#found(cited, "auth_events")
    }
    // Rooms 12: nobody cites the create event, which the room id implies.
    return this.#impliesCreate && type === "m.room.create" && stateKey === "" ? graph.createEvent() : undefined
  }

  #found(index: number, from: "state" | "auth_events"): Event {
    const event = this.#graph.event(index)
    this.#asked?.set(event.eventId, { eventId: event.eventId, from })
    return event
  }
}
