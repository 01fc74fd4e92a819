/**
 * What can be left out, all that can, in few tries. Each thing has a doubt: how likely it is that it is needed. What is
 * tried next is the set of which most can be hoped to go, and whatever a try says sharpens the doubts (probabilistic
 * delta debugging: Wang and others, ESEC/FSE 2021): long runs first, single things in the end, without a plan that says so.
 */
import { compareCodePoints } from "#spec-impl/core/json/encode.ts"

/** By key, from 0 (surely not needed) to 1 (surely needed). */
export type Doubts = ReadonlyMap<string, number>

/** A set of keys that may go together, and what was thought of all before that was tried. */
export interface Attempt {
  readonly keys: readonly string[]
  readonly doubts: Doubts
}

/** What to try, one after the other, as long as each try says no. Ends when each key has been tried alone. */
export function* attempts(start: Doubts): Generator<Attempt> {
  for (let doubts = start; ; ) {
    const keys = mostToHopeFor(doubts)
    if (keys.length === 0) return
    yield { keys, doubts }
    doubts = afterNo(doubts, keys)
  }
}

/** What is thought of the others where all of that attempt could go. */
export const afterYes = ({ keys, doubts }: Attempt): Doubts => {
  const gone = new Set(keys)
  return new Map([...doubts].filter(([key]) => !gone.has(key)))
}

/** One of them at least is needed. */
const afterNo = (doubts: Doubts, keys: readonly string[]): Doubts => {
  const [only] = keys
  if (keys.length === 1) return new Map(doubts).set(only!, 1)
  const allGo = keys.reduce((product, key) => product * (1 - doubts.get(key)!), 1)
  const next = new Map(doubts)
  for (const key of keys) next.set(key, Math.min(doubtMax, doubts.get(key)! / (1 - allGo)))
  return next
}

/** Certain is only what was tried alone. */
const doubtMax = 0.99

/** The set with the highest (how many) × (how likely that all can go); of things with one doubt the last first. */
const mostToHopeFor = (doubts: Doubts): readonly string[] => {
  const order = [...doubts]
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
  return order.slice(0, count).map(({ key }) => key)
}
