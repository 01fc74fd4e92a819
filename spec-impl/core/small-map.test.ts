import { expect, test } from "vitest"
import { SmallMap } from "./small-map.ts"

test("the first may go like any other, and the order stays", () => {
  const map = new SmallMap<string, number>()
  for (const [at, key] of ["a", "b", "c"].entries()) map.set(key, at)
  map.delete("a")
  map.delete("c")
  map.set("d", 3)
  expect([map.size, [...map]]).toEqual([
    2,
    [
      ["b", 1],
      ["d", 3],
    ],
  ])
  map.delete("b")
  map.delete("d")
  expect([map.size, map.get("d"), [...map]]).toEqual([0, undefined, []])
})

test("it may begin with what another one holds, and gives its values in their order", () => {
  const first = new SmallMap<string, number>([
    ["a", 0],
    ["b", 1],
  ])
  const map = new SmallMap(first)
  map.set("a", 2)
  expect([map.size, map.get("b"), [...map.values()]]).toEqual([2, 1, [2, 1]])
})
