/** Draws are even, and depend on nothing but seed and key. */
import { describe, expect, it } from "vitest"
import { drawInSeries, KeyedChance } from "./keyed-chance.ts"

const many = Array.from({ length: 20_000 }, (_, at) => at)

/** By how much the counts of `cells` equal cells are off, in units of what chance would do. */
const unevenness = (draws: readonly number[], cells: number): number => {
  const counts = new Array<number>(cells).fill(0)
  for (const draw of draws) counts[Math.floor(draw * cells)]! += 1
  const wanted = draws.length / cells
  const chiSquare = counts.reduce((sum, count) => sum + (count - wanted) ** 2 / wanted, 0)
  return (chiSquare - cells) / Math.sqrt(2 * cells)
}

describe("keyed chance", () => {
  const chance = new KeyedChance(17)

  it("is even over keys that differ by little", () => {
    expect(
      unevenness(
        many.map((at) => chance.unit("link", at)),
        100,
      ),
    ).toBeLessThan(4)
    expect(
      unevenness(
        many.map((at) => chance.unit(`event ${at}`)),
        100,
      ),
    ).toBeLessThan(4)
    expect(
      unevenness(
        many.map((seed) => new KeyedChance(seed).unit("first")),
        100,
      ),
    ).toBeLessThan(4)
    expect(
      unevenness(
        many.map((at) => drawInSeries(12345, at) / 2 ** 32),
        100,
      ),
    ).toBeLessThan(4)
    expect(
      unevenness(
        many.map((at) => drawInSeries(at, 0) / 2 ** 32),
        100,
      ),
    ).toBeLessThan(4)
  })

  it("gives the same for the same key, whatever was drawn before", () => {
    const first = chance.bytes(20, "key", 1)
    for (const at of many.slice(0, 100)) chance.unit(at)
    expect(chance.bytes(20, "key", 1)).toEqual(first)
    expect(new KeyedChance(17).bytes(20, "key", 1)).toEqual(first)
    expect(new KeyedChance(18).bytes(20, "key", 1)).not.toEqual(first)
  })

  it("gives the same where the beginning of the key is said before", () => {
    const under = chance.under("fault", 7)
    expect(under.unit("request", 1)).toBe(chance.unit("fault", 7, "request", 1))
    expect(under.under("request").bytes(9, 1)).toEqual(chance.bytes(9, "fault", 7, "request", 1))
  })

  it("tells keys apart by where their parts end, and numbers from text", () => {
    const keys = [["ab", "c"], ["a", "bc"], ["abc"], ["abc", ""], [1], ["1"], [1, 1], [2 ** 40], [0]] as const
    expect(new Set(keys.map((key) => chance.unit(...key))).size).toBe(keys.length)
  })

  it("draws whole numbers within bounds, and picks every item", () => {
    const drawn = new Set(many.map((at) => chance.integer(7, at)))
    expect([...drawn].sort()).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(new Set(many.map((at) => chance.pick(["a", "b"], at))).size).toBe(2)
    expect(many.filter((at) => chance.chance(0.25, at)).length / many.length).toBeCloseTo(0.25, 1)
  })
})
