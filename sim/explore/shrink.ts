/**
 * Delta debugging of a plan: the smallest that can be found in which the same check fails for the same reason. What is
 * left out changes no draw of what stays (DESIGN.md, principle 4), so most of what does not matter can go.
 */
import { Effect, Result } from "effect"
import { type Plan, readPlan } from "./plan.ts"
import {
  withoutEntries,
  withoutServers,
  withoutUsers,
  withSimplerEntries,
  withSimplerFrame,
} from "./smaller-plans.ts"

export interface ShrinkOptions {
  /** Whether a plan fails in the same way. Many are asked at once. */
  readonly failsSo: (plan: Plan) => Promise<boolean>
  /** How many are asked at once. */
  readonly parallel: number
  /** Ends the search: what was found so far is what there is. */
  readonly isOver: () => boolean
  /** Told of each smaller plan. */
  readonly onSmaller: (plan: Plan, tried: number) => void
}

/** Gives the smallest plan that was found; the plan itself where none is smaller. */
export const shrinkPlan = async (plan: Plan, options: ShrinkOptions): Promise<Plan> => {
  let best = plan
  const search = new Search(options)
  for (;;) {
    const before = best
    best = await search.descend(best, withoutServers)
    best = await search.thinOut(best)
    best = await search.descend(best, withoutUsers)
    best = await search.descend(best, withSimplerFrame)
    best = await search.descend(best, withSimplerEntries)
    if (best === before || options.isOver()) return best
  }
}

class Search {
  readonly #options: ShrinkOptions
  readonly #tried = new Set<string>()

  constructor(options: ShrinkOptions) {
    this.#options = options
  }

  /** Leaves out long runs of entries first, then shorter ones, down to each by itself. */
  async thinOut(plan: Plan): Promise<Plan> {
    let best = plan
    for (let length = Math.ceil(plan.entries.length / 2); length >= 1; length = Math.floor(length / 2)) {
      best = await this.descend(best, (from) => withoutEntries(from, Math.min(length, from.entries.length)))
    }
    return best
  }

  /** Goes from plan to smaller plan as long as one of the candidates fails in the same way. */
  async descend(plan: Plan, candidatesOf: (plan: Plan) => readonly Plan[]): Promise<Plan> {
    let best = plan
    let skip = 0
    for (;;) {
      const candidates = candidatesOf(best)
      const found = await this.#first(candidates, skip)
      if (found === undefined) {
        if (skip === 0) return best
        skip = 0
        continue
      }
      best = candidates[found]!
      // What came before did not help a moment ago: it is tried again only when all others are through.
      skip = found
      this.#options.onSmaller(best, this.#tried.size)
    }
  }

  /**
   * The first candidate that fails in the same way. Later ones are asked ahead, and their answers forgotten where an
   * earlier one will do: so the result does not depend on how many are asked at once.
   */
  async #first(candidates: readonly Plan[], skip: number): Promise<number | undefined> {
    const { failsSo, parallel, isOver } = this.#options
    const answers: { readonly at: number; readonly fails: Promise<boolean> }[] = []
    let next = skip
    const ask = (): void => {
      while (answers.length < parallel && next < candidates.length) {
        const at = next++
        const candidate = candidates[at]!
        if (this.#isNew(candidate)) answers.push({ at, fails: failsSo(candidate) })
      }
    }
    for (ask(); answers.length > 0 && !isOver(); ask()) {
      const { at, fails } = answers.shift()!
      if (await fails) {
        for (const ahead of answers) this.#tried.delete(JSON.stringify(candidates[ahead.at]))
        return at
      }
    }
    return undefined
  }

  /** Whether it can be read at all, and was not tried before. */
  #isNew(plan: Plan): boolean {
    const text = JSON.stringify(plan)
    if (this.#tried.has(text)) return false
    this.#tried.add(text)
    return Result.isSuccess(Effect.runSync(Effect.result(readPlan(plan))))
  }
}
