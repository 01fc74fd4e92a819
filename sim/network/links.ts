/** What each link is like: the conditions of the whole network, and what is otherwise on some links for a while. */
import { type Latency, latencyDefault } from "./latency.ts"

/** A link leads one way: answers come back on another. */
export interface LinkConditions {
  readonly latency: Latency
}

export const linkConditionsDefault: LinkConditions = { latency: latencyDefault }

/** A server, or any of several. */
export type ServerNames = string | readonly string[]

/** Links from any of `source` to any of `destination`; from or to all servers where it says nothing. */
export interface LinkMatch {
  readonly source?: ServerNames
  readonly destination?: ServerNames
}

const isAmong = (name: string, names: ServerNames | undefined): boolean =>
  names === undefined || names === name || (typeof names !== "string" && names.includes(name))

/** Whether the link from `source` to `destination` is one of those. */
export const matchesLink = (match: LinkMatch, source: string, destination: string): boolean =>
  isAmong(source, match.source) && isAmong(destination, match.destination)

/** An adjustment that holds. */
export interface Adjustment {
  readonly match: LinkMatch
  readonly conditions: Partial<LinkConditions>
}

/** All links. */
export class Links {
  readonly #base: LinkConditions
  readonly #adjustments = new Set<Adjustment>()

  constructor(base: LinkConditions) {
    this.#base = base
  }

  /** Adds an adjustment; where two speak of one link, the later one counts. */
  adjust(adjustment: Adjustment): void {
    this.#adjustments.add(adjustment)
  }

  /** Takes that adjustment away again. */
  restore(adjustment: Adjustment): void {
    this.#adjustments.delete(adjustment)
  }

  /** The conditions of one link, now. */
  between(source: string, destination: string): LinkConditions {
    let conditions = this.#base
    for (const adjustment of this.#adjustments) {
      if (matchesLink(adjustment.match, source, destination)) {
        conditions = { ...conditions, ...adjustment.conditions }
      }
    }
    return conditions
  }
}
