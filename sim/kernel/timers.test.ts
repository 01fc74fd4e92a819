import fc from "fast-check"
import { expect, test } from "vitest"
import type { ServerRuntime } from "./server-runtime.ts"
import { Timers } from "./timers.ts"

const startMs = 1_700_000_000_000
const server = { name: "s1" } as ServerRuntime

/** Sets one for an instant, cancels one that was set, or takes the next instant's. */
const acts = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ set: fc.integer({ min: 0, max: 40 }) }) },
    { weight: 6, arbitrary: fc.record({ cancel: fc.nat() }) },
    { weight: 1, arbitrary: fc.constant({ take: true }) },
  ),
  { maxLength: 1_000, size: "max" },
)
/** So many that those that are cancelled are dropped. */
const many = [
  ...Array.from({ length: 2_000 }, (_, nth) => ({ set: (nth * 7) % 41 })),
  ...Array.from({ length: 1_200 }, (_, nth) => ({ cancel: nth })),
]

test("timers go off by instants, and as they were set, but for those that were cancelled", () => {
  fc.assert(
    fc.property(acts, (drawn) => {
      const timers = new Timers(startMs)
      let model: { readonly atMs: number; readonly nth: number; isCancelled: boolean }[] = []
      const cancels: (() => void)[] = []
      const set: typeof model = []
      let nowMs = startMs
      const takeNext = (): void => {
        const { nextMs } = timers
        const wanted = model.filter(({ isCancelled }) => !isCancelled)
        const firstMs = Math.min(...wanted.map(({ atMs }) => atMs))
        // Cancelled ones may still have their instant.
        expect(nextMs ?? Number.POSITIVE_INFINITY).toBeLessThanOrEqual(firstMs)
        const taken: number[] = []
        timers.takeNext((_server, wake) => {
          wake()
          taken.push(woken)
        })
        nowMs = nextMs ?? nowMs
        expect(taken).toEqual(wanted.filter(({ atMs }) => atMs === nextMs).map(({ nth }) => nth))
        model = model.filter(({ atMs }) => atMs !== nextMs)
      }
      let woken = -1
      for (const act of [...many, ...drawn]) {
        if ("set" in act) {
          const nth = set.length
          const one = { atMs: nowMs + act.set, nth, isCancelled: false }
          set.push(one)
          model.push(one)
          const wake = () => {
            woken = nth
          }
          cancels.push(timers.set(one.atMs, { server, wake, onWire: false }))
        } else if ("cancel" in act) {
          if (set.length === 0) continue
          cancels[act.cancel % set.length]!()
          set[act.cancel % set.length]!.isCancelled = true
        } else takeNext()
      }
      while (timers.nextMs !== undefined) takeNext()
      expect(model.filter(({ isCancelled }) => !isCancelled)).toEqual([])
    }),
    { numRuns: 40 },
  )
})
