import type { Readings } from "../readings.ts"
import type { AuthGraph } from "./auth-graph.ts"
import type { Resolve } from "./resolve.ts"
import { StateMap } from "./state-map.ts"

/** What one resolution gave, in terms that hold in any graph. */
type Answer = readonly (readonly [type: string, stateKey: string, eventId: string | undefined])[]

/**
 * Resolutions shared between servers of one process. A resolution is a pure function of the state sets with
 * their auth chains, the version, the readings, and what the server itself rejected; the key holds all of it.
 */
export class ResolutionMemo {
  readonly #answers = new Map<string, Answer>()
  readonly #countMax: number
  #hits = 0

  /** Keeps `countMax` answers, the newest. */
  constructor(countMax = 10_000) {
    this.#countMax = countMax
  }

  /** How often an answer was there already. */
  get hits(): number {
    return this.#hits
  }

  /** `resolve`, with answers taken from here; `variant` names what is not the specification's (a mutant). */
  share(resolve: Resolve, variant = ""): Resolve {
    return (graph, stateSets, context) => {
      const key = [
        variant,
        context.version.id,
        readingsKey(context.readings),
        graph.rejectedDigest(),
        ...stateSets.map((state) => state.digest),
      ].join(" ")
      const [first] = stateSets
      const differing = StateMap.differences(stateSets)
      if (first === undefined || differing.length === 0) return resolve(graph, stateSets, context)
      const known = this.#answers.get(key)
      const shared = known === undefined ? undefined : translated(known, graph, first)
      if (shared !== undefined) {
        this.#hits += 1
        return shared
      }
      const state = resolve(graph, stateSets, context)
      this.#keep(key, answerOf(graph, first, state))
      return state
    }
  }

  #keep(key: string, answer: Answer): void {
    const oldest = this.#answers.keys().next()
    if (this.#answers.size >= this.#countMax && !oldest.done) this.#answers.delete(oldest.value)
    this.#answers.set(key, answer)
  }
}

const readingsKey = (readings: Readings): string => Object.values(readings).join(",")

/** What the result changes in the first state set. */
const answerOf = (graph: AuthGraph, first: StateMap, state: StateMap): Answer =>
  StateMap.differences([first, state]).map((key) => {
    const index = state.get(key)
    return [...graph.keyOf(key), index < 0 ? undefined : graph.event(index).eventId] as const
  })

const translated = (answer: Answer, graph: AuthGraph, first: StateMap): StateMap | undefined => {
  let state = first
  for (const [type, stateKey, eventId] of answer) {
    if (eventId === undefined) {
      state = state.without(graph, graph.keyIndex(type, stateKey))
      continue
    }
    const index = graph.indexOf(eventId)
    if (index === undefined) return undefined
    state = state.set(graph, index)
  }
  return state
}
