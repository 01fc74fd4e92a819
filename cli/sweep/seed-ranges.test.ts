import fc from "fast-check"
import { expect, test } from "vitest"
import { countSeeds, dealSeeds, parseSeeds, showSeeds } from "./seed-ranges.ts"

const all = (words: string): readonly number[] => {
  const dealer = dealSeeds(parseSeeds(words)!)
  const seeds: number[] = []
  for (let seed = dealer.deal(); seed !== undefined; seed = dealer.deal()) seeds.push(seed)
  return seeds
}

test("seeds are written as ranges, in any order, overlapping or not", () => {
  expect(all("7")).toEqual([7])
  expect(all("0..2,9,5..6,6..7")).toEqual([0, 1, 2, 5, 6, 7, 9])
  expect(showSeeds(parseSeeds("9,5..6,7,0..2,1")!)).toBe("0..2,5..7,9")
  expect(countSeeds(parseSeeds("0..2,9,5..6,6..7")!)).toBe(7)
})

test.each(["", "a", "5..1", "1..", "1,,2", "-1", "1..2..3", "9007199254740992"])(
  "%j is no seeds",
  (words) => {
    expect(parseSeeds(words)).toBeUndefined()
  },
)

test("what is left is what was not done, whatever the order in which seeds end", () => {
  const range = fc.tuple(fc.nat(60), fc.nat(8)).map(([first, more]) => `${first}..${first + more}`)
  const words = fc.array(range, { minLength: 1, maxLength: 5 }).map((ranges) => ranges.join(","))
  fc.assert(
    fc.property(words, fc.nat(40), fc.infiniteStream(fc.boolean()), (given, dealt, isDone) => {
      const dealer = dealSeeds(parseSeeds(given)!)
      const done = new Set<number>()
      for (let count = 0; count < dealt; count++) {
        const seed = dealer.deal()
        if (seed === undefined) break
        if (!isDone.next().value) continue
        dealer.done(seed)
        done.add(seed)
      }
      const left = showSeeds(dealer.left())
      expect(left === "" ? [] : all(left)).toEqual(all(given).filter((seed) => !done.has(seed)))
    }),
  )
})
