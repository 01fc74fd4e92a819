import { expect, test } from "vitest"
import { holdFewRecent, Recent } from "./recent.ts"

test("the newest are kept, and the oldest make room", () => {
  const recent = new Recent<object, number>(2)
  const [one, two, three] = [{}, {}, {}]
  expect(recent.keep(one, 1)).toBe(1)
  recent.keep(two, 2)
  expect([one, two, three].map((key) => recent.get(key))).toEqual([1, 2, undefined])
  recent.keep(three, 3)
  expect([one, two, three].map((key) => recent.get(key))).toEqual([undefined, 2, 3])
})

test("a process may hold fewer than is usual", () => {
  const usual = new Recent<number, number>()
  const kept = (): number =>
    Array.from({ length: 5_000 }, (_, at) => usual.get(at)).filter((at) => at !== undefined).length
  for (let at = 0; at < 5_000; at++) usual.keep(at, at)
  expect(kept()).toBeGreaterThan(2_000)
  holdFewRecent(10)
  for (let at = 0; at < 5_000; at++) usual.keep(at, at)
  expect(kept()).toBeLessThanOrEqual(10)
  holdFewRecent(4_096)
})
