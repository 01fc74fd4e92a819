/** The rules that are in force, in the order in which they were installed. */
import type { RequestFacts } from "./request-facts.ts"
import { matchesRequest, type RequestMatch, type Rule, type RuleAction, type RuleOptions } from "./rules.ts"

/** A rule in the book. */
export class Entry implements Rule {
  readonly match: RequestMatch
  readonly action: RuleAction
  /** Counted from 1 in the order of installation. */
  readonly number: number
  readonly #hitsMax: number
  #hits = 0

  constructor(match: RequestMatch, action: RuleAction, number: number, hitsMax: number) {
    this.match = match
    this.action = action
    this.number = number
    this.#hitsMax = hitsMax
  }

  readonly hits = (): number => this.#hits

  /** Whether the rule acts on the request; counts it where it does. */
  hit(facts: RequestFacts): boolean {
    if (this.#hits >= this.#hitsMax || !matchesRequest(this.match, facts)) return false
    this.#hits += 1
    return true
  }
}

export class RuleBook {
  readonly #entries = new Set<Entry>()
  #installed = 0

  /** Installs a rule behind all others. */
  install(match: RequestMatch, action: RuleAction, options: RuleOptions): Entry {
    this.#installed += 1
    const entry = new Entry(match, action, this.#installed, options.times ?? Number.POSITIVE_INFINITY)
    this.#entries.add(entry)
    return entry
  }

  /** Takes a rule out; its count stays. */
  remove(entry: Entry): void {
    this.#entries.delete(entry)
  }

  /** The rule that acts on a request, which counts as a hit. */
  hit(facts: RequestFacts): Entry | undefined {
    for (const entry of this.#entries) if (entry.hit(facts)) return entry
    return undefined
  }
}
