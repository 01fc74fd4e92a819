/** An order in blocks and pages: as if it were one array, whatever comes in its middle and whatever is evicted. */
import fc from "fast-check"
import { expect, it } from "vitest"
import { memoryScratch, Pages, wordsOfPage } from "../core/paging/pages.ts"
import { type Slot, Slots } from "./slots.ts"

interface Entry {
  readonly place: number
}

/** An order by places, beside the array that it is to be like. */
const orders = () => {
  const pages = new Pages(memoryScratch(), 0)
  /** The places of what was evicted, by ordinal. */
  const evicted: number[] = []
  const placeOf = (slot: Slot<Entry>) => (typeof slot === "number" ? evicted[slot]! : slot.place)
  const slots = new Slots<Entry, number>(() => pages, placeOf)
  const array: Slot<Entry>[] = []
  return {
    pages,
    slots,
    array,
    insert: (place: number) => {
      const index = slots.countWhile((other) => other < place)
      const [before, next] = [array[index - 1], array[index]]
      expect(before === undefined || placeOf(before) < place).toBe(true)
      expect(next === undefined || placeOf(next) >= place).toBe(true)
      slots.insert(index, { place })
      array.splice(index, 0, { place })
    },
    evict: (index: number) => {
      const slot = array[index]
      if (slot === undefined || typeof slot === "number") return
      const ordinal = evicted.push(slot.place) - 1
      slots.set(index, ordinal)
      array[index] = ordinal
    },
  }
}

const expectSame = (slots: Slots<Entry, number>, array: readonly Slot<Entry>[]): void => {
  expect(slots.length).toBe(array.length)
  expect([...slots]).toEqual(array)
  expect(slots.at(array.length)).toBe(undefined)
  expect(slots.at(-array.length - 1)).toBe(undefined)
  for (const index of [0, -1, array.length >> 1, -(array.length >> 2)]) {
    expect(slots.at(index)).toEqual(array.at(index))
  }
  const third = Math.floor(array.length / 3)
  for (const [first, beyond] of [
    [0, array.length],
    [third, third],
    [third, third * 2],
    [third * 2, array.length],
  ] as const) {
    expect(slots.slice(first, beyond)).toEqual(array.slice(first, beyond))
  }
}

it("is the same as an array, small or large", () => {
  const step = fc.tuple(
    fc.constantFrom("later", "earlier", "evict"),
    fc.nat(999),
    fc.integer({ min: 1, max: 300 }),
  )
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
      const { slots, array, insert, evict } = orders()
      let last = 1_000_000
      for (const [what, where, times] of steps) {
        for (let time = 0; time < times; time++) {
          if (what === "later") {
            last += 1_000
            insert(last)
          }
          if (what === "earlier") insert(1_000_000 + ((last - 1_000_000) * where) / 1_000 + time / 400)
          if (what === "evict") evict(Math.floor((array.length * where) / 1_000) + time)
        }
        expectSame(slots, array)
      }
    }),
    { numRuns: 20, endOnFailure: true },
  )
})

it("is in pages but for its end, and stays whole where much comes in its middle", () => {
  const { pages, slots, array, insert, evict } = orders()
  for (let place = 0; place < 10_000; place++) {
    insert(place)
    // One of fifty stays.
    if (place >= 100 && place % 50 !== 0) evict(place - 100)
  }
  expectSame(slots, array)
  expect(pages.count).toBe(Math.ceil(10_000 / wordsOfPage))
  for (let late = 0; late < 2_000; late++) insert(5_000.5 + late / 4_000)
  for (let index = 0; index < array.length; index++) evict(index)
  expectSame(slots, array)
  expect(pages.held).toBe(4)
})
