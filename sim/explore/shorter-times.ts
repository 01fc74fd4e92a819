/** Plans in which less time passes. */
import { isAction, type Plan, type PlanEntry } from "./plan.ts"

/**
 * Nothing happens between the last entry and the end; or there is a second between any two things that happen, or half
 * as long, in whole seconds. Times only ever become less.
 */
export const withShorterTimes = (plan: Plan): readonly Plan[] => {
  const soonMs = lastMs(plan) + waitMs
  const even = evenlySpaced(plan)
  const shorter = [
    { ...plan, faultsMs: Math.min(plan.faultsMs, soonMs) },
    even,
    // Who reads it wants seconds: nothing is halved that takes no longer.
    ...(plan.faultsMs > even.faultsMs ? [timed(plan, (ms) => Math.floor(ms / 2))] : []),
    timed(plan, (ms) => Math.floor(ms / waitMs) * waitMs),
  ]
  return shorter.filter((other) => sumMs(other) < sumMs(plan))
}
const waitMs = 1_000

const lastMs = (plan: Plan): number => Math.max(0, ...plan.entries.map(endMs))
const endMs = (entry: PlanEntry): number => entry.atMs + (isAction(entry) ? 0 : (entry.forMs ?? 0))

const sumMs = ({ entries, faultsMs }: Plan): number =>
  entries.reduce((sum, entry) => sum + endMs(entry), faultsMs)

/** Entries begin and faults end in the order in which they did, a second apart. */
const evenlySpaced = (plan: Plan): Plan => {
  const instants = [...new Set([...plan.entries.map(({ atMs }) => atMs), ...plan.entries.map(endMs)])]
  const rank = new Map(instants.sort((a, b) => a - b).map((ms, at) => [ms, at * waitMs]))
  return { ...timed(plan, (ms) => rank.get(ms) ?? ms), faultsMs: instants.length * waitMs }
}

/** With all instants turned into others. */
const timed = (plan: Plan, turn: (ms: number) => number): Plan => ({
  ...plan,
  faultsMs: turn(plan.faultsMs),
  entries: plan.entries.map((entry) => {
    const atMs = turn(entry.atMs)
    if (isAction(entry) || entry.forMs === undefined) return { ...entry, atMs }
    return { ...entry, atMs, forMs: turn(endMs(entry)) - atMs }
  }),
})

/** Waits that are longer than they need be, each by what it is that they are for. */
export const gapsIn = (plan: Plan): readonly string[] =>
  momentsIn(plan).flatMap(({ ms, name }, at, all) => (ms - (all[at - 1]?.ms ?? 0) > waitMs ? [name] : []))

/** For some of them there is a second's wait only; all that comes later is brought forward by as much. */
export const withShortGaps = (plan: Plan, names: ReadonlySet<string>): Plan => {
  const turned = new Map<number, number>()
  let beforeMs = 0
  let turnedMs = 0
  for (const { ms, name } of momentsIn(plan)) {
    const gapMs = ms - beforeMs
    turnedMs += names.has(name) ? Math.min(gapMs, waitMs) : gapMs
    turned.set(ms, turnedMs)
    beforeMs = ms
  }
  return timed(plan, (ms) => turned.get(ms)!)
}

/** Each instant at which something begins or ends, called by the first that does so. */
const momentsIn = (plan: Plan): readonly { readonly ms: number; readonly name: string }[] => {
  const names = new Map<number, string>()
  const note = (ms: number, name: string): void => void (names.has(ms) || names.set(ms, name))
  for (const entry of plan.entries) note(entry.atMs, `${entry.id} begins`)
  for (const entry of plan.entries) note(endMs(entry), `${entry.id} ends`)
  note(plan.faultsMs, "all is healed")
  return [...names].map(([ms, name]) => ({ ms, name })).sort((a, b) => a.ms - b.ms)
}
