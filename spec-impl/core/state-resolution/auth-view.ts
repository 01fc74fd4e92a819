import type { AuthState } from "../auth-rules/authorise.ts"
import type { Event } from "../event.ts"
import type { AuthGraph } from "./auth-graph.ts"
import type { PartialState } from "./partial-state.ts"

/** Where an event that the rules asked for was found. */
export type AuthSource = "state" | "auth_events" | "room_id" | "nowhere"

/** A key that the rules asked for. */
export interface AuthAnswer {
  readonly type: string
  readonly stateKey: string
  readonly event: Event | undefined
  readonly source: AuthSource
}

/** How an auth view looks for events. */
export interface AuthViewOptions {
  /** Whether what the partial state lacks is taken from the event's own auth_events. */
  readonly fallsBack: boolean
  /** Whether a rejected event in the partial state counts as lacking. */
  readonly skipsRejected: boolean
}

/**
 * The state as the rules see it while an event is checked (rooms/v2 §State resolution, "Iterative auth checks").
 * One view serves all checks of a resolution; what was asked of it since `begin` is kept: the rules ask for the
 * same few keys again and again, and an explanation wants to tell.
 */
export class AuthView implements AuthState {
  readonly #graph: AuthGraph
  readonly #state: PartialState
  readonly #options: AuthViewOptions
  readonly #answers: AuthAnswer[] = []
  #index = -1
  #inPlace = -1

  constructor(graph: AuthGraph, state: PartialState, options: AuthViewOptions) {
    this.#graph = graph
    this.#state = state
    this.#options = options
  }

  /** From now on the event at `index` is checked, with the event `inPlace` in its own place if that is given. */
  begin(index: number, inPlace = -1): void {
    this.#index = index
    this.#inPlace = inPlace
    this.#answers.length = 0
  }

  /** What was asked for since `begin`, each key once. */
  get answers(): readonly AuthAnswer[] {
    return this.#answers
  }

  get(type: string, stateKey: string): Event | undefined {
    for (const answer of this.#answers) {
      if (answer.stateKey === stateKey && answer.type === type) return answer.event
    }
    const answer = this.#look(type, stateKey)
    this.#answers.push(answer)
    return answer.event
  }

  #look(type: string, stateKey: string): AuthAnswer {
    const graph = this.#graph
    const key = this.#keyIndex(type, stateKey)
    const held = key < 0 ? -1 : this.#heldUnder(key)
    if (held >= 0 && !(this.#options.skipsRejected && graph.isRejected(held))) {
      return { type, stateKey, event: graph.event(held), source: "state" }
    }
    const cited = key < 0 || !this.#options.fallsBack ? -1 : graph.citedUnderKey(this.#index, key)
    if (cited >= 0) return { type, stateKey, event: graph.event(cited), source: "auth_events" }
    const isImplied = graph.version.auth.createInAuthEvents === "forbidden" && type === "m.room.create"
    const create = isImplied && stateKey === "" ? graph.createEvent() : undefined
    return { type, stateKey, event: create, source: create === undefined ? "nowhere" : "room_id" }
  }

  /** Members mostly ask for themselves: their own key is known without looking it up. */
  #keyIndex(type: string, stateKey: string): number {
    const own = this.#graph.event(this.#index)
    const isOwn = own.stateKey === stateKey && own.type === type
    return isOwn ? this.#graph.keyOfEvent(this.#index) : this.#graph.knownKeyIndex(type, stateKey)
  }

  #heldUnder(key: number): number {
    const isOwnPlace = this.#inPlace >= 0 && this.#graph.keyOfEvent(this.#inPlace) === key
    return isOwnPlace ? this.#inPlace : this.#state.get(key)
  }
}
