import type { Readings } from "../readings.ts"
import { Recent } from "../recent.ts"
import type { AuthGraph } from "./auth-graph.ts"
import type { Resolve } from "./resolve.ts"
import { StateMap } from "./state-map.ts"

/** What a resolution gave, in terms of no graph. */
interface Answer {
  /** The digest of the state set that it is, if it is one of them. */
  readonly isSet: string | undefined
  /** The ids of the events under all keys on which not every state set agrees. */
  readonly eventIds: readonly string[]
}

/**
 * Resolutions shared between servers of one process, whose graphs hold the same events under different indices.
 *
 * A plain function of content: the key holds all that a resolution depends on (`keyOf`). The oldest answers make
 * room for new ones. To do without the memo, do not wrap `resolve` in it.
 */
export class ResolutionMemo {
  readonly #answers = new Map<string, Answer>()
  readonly #countMax: number
  #hits = 0
  #misses = 0

  /** Keeps at most `countMax` answers. */
  constructor(countMax = 10_000) {
    this.#countMax = countMax
  }

  /** How many resolutions were answered from here. */
  get hits(): number {
    return this.#hits
  }

  /** How many were not. What is no conflict at all is neither. */
  get misses(): number {
    return this.#misses
  }

  /**
   * `resolve` with its answers kept here. `variant` names whatever else it depends on (a mutant). Where an
   * explanation is wanted the resolution is done, since only doing it can tell.
   */
  share(resolve: Resolve, variant = ""): Resolve {
    return (graph, given, context, explanation) => {
      // As often as not several branches have one state.
      const stateSets = [...new Set(given)]
      const differing = explanation === undefined ? StateMap.differences(stateSets) : []
      if (differing.length === 0) return resolve(graph, given, context, explanation)
      const { version, readings, signatures } = context
      const verdicts = graph.verdictsDigest(signatures.restrictedJoinIsSigned)
      const key = [variant, version.id, readingsKey(readings), verdicts, setsKey(stateSets)].join(" ")
      const known = translated(this.#answers.get(key), graph, stateSets, differing)
      if (known !== undefined) {
        this.#hits += 1
        return known
      }
      this.#misses += 1
      const result = resolve(graph, stateSets, context)
      this.#keep(key, answerOf(graph, stateSets, differing, result))
      return result
    }
  }

  #keep(key: string, answer: Answer): void {
    this.#answers.set(key, answer)
    const [oldest] = this.#answers.keys()
    if (this.#answers.size > this.#countMax && oldest !== undefined) this.#answers.delete(oldest)
  }
}

/** Readings come as one record after another, so their order is taken from their names. */
const readingsKey = (readings: Readings): string =>
  readingsKeys.get(readings) ??
  readingsKeys.keep(
    readings,
    Object.entries(readings)
      .map(([name, value]) => `${name}=${value}`)
      .sort()
      .join(","),
  )

const readingsKeys = new Recent<Readings, string>(64)

/** A resolution depends on which state sets there are, not on their order nor how often each is given. */
const setsKey = (stateSets: readonly StateMap[]): string =>
  [...new Set(stateSets.map((state) => state.digest))].sort().join(",")

/**
 * What the result has under the keys in conflict, and what it has added: v2 may bring in, from the auth
 * difference, an event under a key that no state set has.
 */
const answerOf = (
  graph: AuthGraph,
  stateSets: readonly StateMap[],
  conflicted: readonly number[],
  result: StateMap,
): Answer => {
  const set = stateSets.find(({ digest }) => digest === result.digest)
  if (set !== undefined) return { isSet: set.digest, eventIds: [] }
  const keys = new Set([...conflicted, ...StateMap.differences([stateSets[0]!, result])])
  const eventIds = [...keys].flatMap((key) => {
    const index = result.get(key)
    return index < 0 ? [] : [graph.event(index).eventId]
  })
  return { isSet: undefined, eventIds }
}

/** The answer in terms of `graph`. Equal digests mean that it holds all these events. */
const translated = (
  answer: Answer | undefined,
  graph: AuthGraph,
  stateSets: readonly StateMap[],
  conflicted: readonly number[],
): StateMap | undefined => {
  if (answer?.isSet !== undefined) return stateSets.find(({ digest }) => digest === answer.isSet)
  const events = answer?.eventIds.map((eventId) => graph.indexOf(eventId))
  if (!events?.every((index) => index !== undefined)) return undefined
  return stateSets[0]!.with(graph, { put: events, remove: conflicted })
}
