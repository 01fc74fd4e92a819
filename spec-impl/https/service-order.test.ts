/** SRV targets are tried in the order of RFC 2782. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { orderServices } from "./service-order.ts"

const records = fc.array(
  fc.record({ priority: fc.integer({ min: 0, max: 3 }), weight: fc.integer({ min: 0, max: 5 }) }),
)

describe("SRV records", () => {
  it("are all tried, lower priorities first, whatever is drawn", () => {
    fc.assert(
      fc.property(
        records,
        fc.func(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
        (all, draw) => {
          const ordered = orderServices(all, draw)
          expect(new Set(ordered)).toEqual(new Set(all))
          expect(ordered.length).toBe(all.length)
          const priorities = ordered.map(({ priority }) => priority)
          expect(priorities).toEqual(priorities.toSorted((a, b) => a - b))
        },
      ),
    )
  })

  it("of one priority come first in the share of their weights", () => {
    const light = { priority: 1, weight: 1 }
    const heavy = { priority: 1, weight: 3 }
    const zero = { priority: 1, weight: 0 }
    const firstOf = (drawn: number) => orderServices([heavy, zero, light], () => drawn)[0]
    const draws = Array.from({ length: 1_000 }, (_, at) => firstOf(at / 1_000))
    // Of the five numbers from 0 to 4 that can be drawn one is for none, one for the light, three for the heavy.
    const share = (one: object) => draws.filter((first) => first === one).length / 1_000
    expect([share(zero), share(light), share(heavy)]).toEqual([0.2, 0.2, 0.6])
  })
})
