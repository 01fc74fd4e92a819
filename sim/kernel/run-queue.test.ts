import { expect, test } from "vitest"
import { Heap } from "./run-queue.ts"

test("a heap gives what is first", () => {
  const heap = new Heap<number>((a, b) => a < b)
  const numbers = Array.from({ length: 500 }, (_, nth) => (nth * 7_919) % 1_009)
  for (const number of numbers) heap.push(number)
  heap.push(10)
  heap.push(-1)
  const given = Array.from({ length: heap.size }, () => heap.pop())
  expect(given).toEqual([...numbers, 10, -1].sort((a, b) => a - b))
  expect(heap.pop()).toBeUndefined()
})
