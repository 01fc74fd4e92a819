/** What a bench prints: one thing measured, beside its limit, both in one run. */
import { performance } from "node:perf_hooks"

/** Microseconds a time; `limitUs` is of what it cannot do without, or of what it is to be compared with. */
export interface Figure {
  readonly name: string
  readonly us: number
  readonly limit: string
  readonly limitUs: number
}

/** Something that can be measured. */
export interface Measured {
  readonly name: string
  /** How often in one round. */
  readonly calls: number
  readonly work: () => unknown
}

/** Microseconds a call, of each of `all`: the best of five rounds, taken in turn, so that all see the same machine. */
export const microseconds = (all: readonly Measured[]): readonly number[] => {
  const best = all.map(() => Number.POSITIVE_INFINITY)
  for (let round = 0; round < 5; round++) {
    for (const [at, { calls, work }] of all.entries()) {
      const start = performance.now()
      for (let call = 0; call < calls; call++) work()
      best[at] = Math.min(best[at]!, ((performance.now() - start) * 1000) / calls)
    }
  }
  return best
}

/** Figures of `all`, each beside that of the first. */
export const besideFirst = (all: readonly [Measured, ...Measured[]]): readonly Figure[] => {
  const times = microseconds(all)
  return all.map(({ name }, at) => ({ name, us: times[at]!, limit: all[0].name, limitUs: times[0]! }))
}
