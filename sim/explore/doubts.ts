/**
 * What can be left out, all that can, in few tries. Each thing has a doubt: how likely it is that it is needed. What is
 * tried next is the set of which most can be hoped to go. Where a set cannot go one of it at least is needed, which
 * raises the doubts of these and of no others: so long runs go first, and single things in the end (probabilistic delta
 * debugging: Wang and others, ESEC/FSE 2021; that what a smaller set explains is no news of a larger one is added here).
 */
import { compareCodePoints } from "#spec-impl/core/json/encode.ts"

/** What is known of things by key. */
export interface Knowledge {
  /** How likely it was before any try that each is needed, from 0 to 1. */
  readonly doubts: ReadonlyMap<string, number>
  /** Sets that cannot go as a whole, none of them within another. */
  readonly needed: readonly ReadonlySet<string>[]
}

/** Things that may go together, and what was known before that was tried. */
export interface Attempt {
  readonly keys: readonly string[]
  readonly known: Knowledge
}

/** What to try, one after the other, as long as each try says no. Ends when each that is left was tried alone. */
export function* attempts(start: Knowledge): Generator<Attempt> {
  for (let known = start; ; ) {
    const keys = mostToHopeFor(known)
    if (keys.length === 0) return
    yield { keys, known }
    known = afterNo(known, new Set(keys))
  }
}

/** What is known where all of that attempt could go: what is needed of a set is in the rest of it. */
export const afterYes = ({ keys, known }: Attempt): Knowledge => {
  const gone = new Set(keys)
  const needed = known.needed.map((set) => set.difference(gone)).filter(({ size }) => size > 0)
  return {
    doubts: new Map([...known.doubts].filter(([key]) => !gone.has(key))),
    needed: needed.filter(
      (set, at) => !needed.some((other, nth) => nth !== at && explains(other, set, nth < at)),
    ),
  }
}

const explains = (one: ReadonlySet<string>, other: ReadonlySet<string>, orIsEqual: boolean): boolean =>
  one.isSubsetOf(other) && (orIsEqual || one.size < other.size)

const afterNo = ({ doubts, needed }: Knowledge, keys: ReadonlySet<string>): Knowledge => ({
  doubts,
  needed: [...needed.filter((set) => !keys.isSubsetOf(set)), keys],
})

/** How likely it is by now that each is needed: for certain where it was tried alone. */
const doubtsNow = ({ doubts, needed }: Knowledge): ReadonlyMap<string, number> => {
  const now = new Map(doubts)
  for (const set of needed) {
    let allGo = 1
    for (const key of set) allGo *= 1 - doubts.get(key)!
    for (const key of set) {
      const doubt = set.size === 1 ? 1 : Math.min(doubtMax, doubts.get(key)! / (1 - allGo))
      now.set(key, Math.max(now.get(key)!, doubt))
    }
  }
  return now
}
const doubtMax = 0.99

/** The set with the highest (how many) × (how likely that all can go); of things with one doubt the last first. */
const mostToHopeFor = (known: Knowledge): readonly string[] => {
  const order = [...doubtsNow(known)]
    .map(([key, doubt], at) => ({ key, doubt, at }))
    .filter(({ doubt }) => doubt < 1)
    .sort((a, b) => a.doubt - b.doubt || b.at - a.at || compareCodePoints(a.key, b.key))
  let allGo = 1
  let hopeMax = 0
  let count = 0
  for (const [at, { doubt }] of order.entries()) {
    allGo *= 1 - doubt
    const hope = (at + 1) * allGo
    if (hope > hopeMax) {
      hopeMax = hope
      count = at + 1
    }
  }
  const keys = order.slice(0, count).map(({ key }) => key)
  // What is known not to go as a whole does not go with more.
  const all = new Set(keys)
  return known.needed.some((set) => set.isSubsetOf(all)) ? withoutKnown(keys, known.needed) : keys
}

/** The longest beginning that holds no set which cannot go. */
const withoutKnown = (keys: readonly string[], needed: Knowledge["needed"]): readonly string[] => {
  const taken = new Set<string>()
  for (const key of keys) {
    taken.add(key)
    if (needed.some((set) => set.has(key) && set.isSubsetOf(taken))) taken.delete(key)
  }
  return [...taken]
}
