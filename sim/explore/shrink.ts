/**
 * The smallest plan that can be found in which the same check fails for the same reason. What is left out changes no
 * draw of what stays (DESIGN.md, principle 4), so most of what does not matter can go.
 */
import { Effect, Result } from "effect"
import { withCertainLies, withoutBursts, withStateAsked, withSteadyCuts } from "./certain-plans.ts"
import { type Attempt, afterYes, attempts, type Knowledge } from "./doubts.ts"
import { type PlainerField, plainerEntries, plainerServers } from "./plainer-fields.ts"
import { isAction, type Plan, type PlanEntry, readPlan } from "./plan.ts"
import { gapsIn, withShorterTimes, withShortGaps } from "./shorter-times.ts"
import {
  withMergedRooms,
  withMergedServers,
  withMergedUsers,
  withoutCore,
  withoutEntries,
  withoutRooms,
  withoutServers,
  withoutUsers,
  withPlainerFaults,
  withSmallerNumbers,
} from "./smaller-plans.ts"

/** What is said of a plan that fails in the same way. */
export interface Answer {
  /** How long it took, in steps. */
  readonly steps: number
  /** Entries that were refused or never begun. */
  readonly idle: readonly string[]
}

export interface ShrinkOptions {
  /** Runs a plan, in so many steps at most; undefined where it does not fail in the same way. Many are asked at once. */
  readonly ask: (plan: Plan, stepsMax: number) => Promise<Answer | undefined>
  /** What was said of the whole plan. */
  readonly first: Answer
  /** How many are asked at once. */
  readonly parallel: number
  /** Ends the search: what was found so far is what there is. */
  readonly isOver: () => boolean
  /** Told of each smaller plan. */
  readonly onSmaller: (plan: Plan, asked: number) => void
}

/**
 * Gives the smallest plan that was found; the plan itself where none is smaller. The result depends on what is answered,
 * and not on how many are asked at once or on which answer comes first.
 */
export const shrinkPlan = async (plan: Plan, options: ShrinkOptions): Promise<Plan> => {
  const search = new Search(plan, options)
  for (let round = 1; ; round++) {
    const before = search.best
    await search.leaveOutIdle()
    await search.descend(withoutCore)
    if (round === 1) await search.makeCertain()
    await search.descend(withoutServers)
    await search.descend(withoutRooms)
    await search.leaveOutIdle()
    const isLate = round > 1 && search.best.entries.length <= fewEntries
    await search.leaveOut(round === 1 ? firstDoubts : () => laterDoubt, isLate ? otherSeeds : [])
    await search.descend(withShorterTimes)
    await search.shortenGaps()
    await search.descend(withoutUsers)
    await search.descend(withMergedServers)
    await search.descend(withMergedUsers)
    await search.descend(withMergedRooms)
    await search.makePlainer(plainerEntries)
    await search.descend(withSmallerNumbers)
    await search.descend(withPlainerFaults)
    if (options.isOver()) return search.best
    if (search.best !== before || round === 1) continue
    await search.makePlainer(plainerServers)
    if (search.best === before) return search.best
  }
}

const certainties = [withCertainLies, withStateAsked, withoutBursts, withSteadyCuts]

/** How likely it is that an entry is needed, before anything was tried. */
const firstDoubts = (entry: PlanEntry): number => {
  if (!isAction(entry)) return 0.1
  return doubtOf[entry.do.act] ?? 0.03
}
const doubtOf: Readonly<Record<string, number>> = {
  create: 0.5,
  join: 0.05,
  "set-levels": 0.06,
  message: 0.005,
  rename: 0.005,
  typing: 0.002,
  read: 0.002,
}
/** What is left after a round is needed, most likely. */
const laterDoubt = 0.4
const plainerDoubt = 0.1
/** Little is tried with other draws as well: they may be what it is needed for. */
const otherSeeds = [1, 2, 3]
const fewEntries = 60

/** A smaller plan takes no longer than this many times what the smallest so far took, and something. */
const stepsFactor = 2
const stepsMore = 2_000

interface Found {
  readonly plan: Plan
  readonly answer: Answer
  readonly at: number
}

class Search {
  readonly #options: ShrinkOptions
  readonly #asked = new Map<string, Promise<Answer | undefined>>()
  #best: Plan
  #answer: Answer
  #stepsMax = Number.POSITIVE_INFINITY
  /** How many entries there were when less was left to chance last, or was to be. */
  #entriesThen = 0

  constructor(plan: Plan, options: ShrinkOptions) {
    // Nothing is read from what a seed has drawn the plan from, and it does not describe what is left.
    const { options: _, ...bare } = plan
    this.#best = bare
    this.#answer = options.first
    this.#options = options
    this.#limitSteps()
  }

  get best(): Plan {
    return this.#best
  }

  /** Leaves less to chance. What fails otherwise then may not do so later, and costs less to try. */
  async makeCertain(): Promise<void> {
    this.#entriesThen = this.#best.entries.length
    for (const certain of certainties) await this.descend(certain)
  }

  /** Leaves out what was refused, all at once. */
  leaveOutIdle(): Promise<void> {
    return this.descend((plan) => [withoutEntries(plan, new Set(this.#answer.idle))])
  }

  /** Leaves out entries, as many as can go; with draws of those seeds, where not with the plan's own. */
  leaveOut(doubtOf: (entry: PlanEntry) => number, seeds: readonly number[] = []): Promise<void> {
    const doubts = new Map(this.#best.entries.map((entry) => [entry.id, doubtOf(entry)]))
    return this.#leaveOut(
      doubts,
      (plan, ids) => withoutEntries(plan, new Set(ids)),
      async () => {
        const before = this.#best.entries
        await this.leaveOutIdle()
        if (before.length <= this.#entriesThen / 2) await this.makeCertain()
        const left = new Set(this.#best.entries.map(({ id }) => id))
        return before.flatMap(({ id }) => (left.has(id) ? [] : [id]))
      },
      seeds,
    )
  }

  /** Leaves out what entries and servers say beyond what they must. */
  makePlainer(fieldsOf: (plan: Plan) => readonly PlainerField[]): Promise<void> {
    const fields = fieldsOf(this.#best).filter(({ apply }) => isReadable(apply(this.#best)))
    const byKey = new Map(fields.map((field) => [field.key, field]))
    return this.#leaveOut(new Map(fields.map(({ key }) => [key, plainerDoubt])), (plan, keys) =>
      keys.reduce((from, key) => {
        const plainer = byKey.get(key)!.apply(from)
        return isReadable(plainer) ? plainer : from
      }, plan),
    )
  }

  /** Leaves out waits. */
  shortenGaps(): Promise<void> {
    const doubts = new Map(gapsIn(this.#best).map((gap) => [gap, plainerDoubt]))
    return this.#leaveOut(doubts, (plan, gaps) => withShortGaps(plan, new Set(gaps)))
  }

  /** Leaves out as many of the keys as can go; after each step some may have gone besides. */
  async #leaveOut(
    doubts: Knowledge["doubts"],
    without: (plan: Plan, keys: readonly string[]) => Plan,
    alsoGone: () => Promise<readonly string[]> = async () => [],
    seeds: readonly number[] = [],
  ): Promise<void> {
    for (let known: Knowledge = { doubts, needed: [] }; ; ) {
      const plan = this.#best
      const tried: Attempt[] = []
      const candidates = function* (): Generator<Plan> {
        for (const attempt of attempts(known)) {
          for (const seed of [plan.seed, ...seeds]) {
            tried.push(attempt)
            yield { ...without(plan, attempt.keys), seed }
          }
        }
      }
      const found = await this.#first(candidates())
      if (found === undefined) return
      this.#take(found)
      const attempt = tried[found.at]!
      known = afterYes({ ...attempt, keys: [...attempt.keys, ...(await alsoGone())] })
    }
  }

  /** Goes from plan to smaller plan as long as one of the candidates fails in the same way. */
  async descend(candidatesOf: (plan: Plan) => readonly Plan[]): Promise<void> {
    for (let skip = 0; ; ) {
      const candidates = candidatesOf(this.#best)
      const found = await this.#first(candidates.slice(skip))
      if (found === undefined) {
        if (skip === 0) return
        skip = 0
        continue
      }
      // What came before did not help a moment ago: it is tried again only when all others are through.
      skip += found.at
      this.#take(found)
    }
  }

  #take({ plan, answer }: Found): void {
    this.#best = plan
    this.#answer = answer
    this.#limitSteps()
    this.#options.onSmaller(plan, this.#asked.size)
  }

  /** Never to more than before: so an answer that is kept is what would be said now. */
  #limitSteps(): void {
    this.#stepsMax = Math.min(this.#stepsMax, this.#answer.steps * stepsFactor + stepsMore)
  }

  /** The first candidate that fails in the same way. Later ones are asked ahead, on the guess that those before do not. */
  async #first(candidates: Iterable<Plan>): Promise<Found | undefined> {
    const { parallel, isOver } = this.#options
    const ahead: { readonly at: number; readonly plan: Plan; readonly said: Promise<Answer | undefined> }[] =
      []
    const rest = candidates[Symbol.iterator]()
    let at = 0
    let isThrough = false
    const askAhead = (): void => {
      while (ahead.length < parallel && !isThrough) {
        const next = rest.next()
        if (next.done === true) {
          isThrough = true
          return
        }
        const said = this.#ask(next.value)
        if (said !== undefined) ahead.push({ at, plan: next.value, said })
        at += 1
      }
    }
    for (askAhead(); ahead.length > 0 && !isOver(); askAhead()) {
      const { said, ...candidate } = ahead.shift()!
      const answer = await said
      if (answer !== undefined && answer.steps <= this.#stepsMax) return { ...candidate, answer }
    }
    return undefined
  }

  /** What is said of a plan, now or before; undefined where it need not be asked. */
  #ask(plan: Plan): Promise<Answer | undefined> | undefined {
    const text = JSON.stringify(plan)
    if (text === JSON.stringify(this.#best)) return undefined
    const before = this.#asked.get(text)
    if (before !== undefined) return before
    if (!isReadable(plan)) return undefined
    const said = this.#options.ask(plan, this.#stepsMax)
    this.#asked.set(text, said)
    return said
  }
}

const isReadable = (plan: Plan): boolean => Result.isSuccess(Effect.runSync(Effect.result(readPlan(plan))))
