import { expect, test } from "vitest"
import { Recent } from "./recent.ts"

test("the newest are kept, and the oldest makes room", () => {
  const recent = new Recent<object, number>(2)
  const [one, two, three] = [{}, {}, {}]
  expect(recent.keep(one, 1)).toBe(1)
  recent.keep(two, 2)
  expect([one, two, three].map((key) => recent.get(key))).toEqual([1, 2, undefined])
  recent.keep(three, 3)
  expect([one, two, three].map((key) => recent.get(key))).toEqual([undefined, 2, 3])
})
