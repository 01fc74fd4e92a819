import { expect, test } from "vitest"
import { NewestMarks } from "./newest-marks.ts"

const largest = 2 ** 30 - 1

test("the newest are known, and those before them are forgotten", () => {
  const marks = new NewestMarks(100)
  for (let mark = 0; mark < 1_000; mark++) marks.note(mark * 1_024)
  for (let mark = 900; mark < 1_000; mark++) expect(marks.has(mark * 1_024)).toBe(true)
  expect(marks.has(0)).toBe(false)
  expect(marks.has(700 * 1_024)).toBe(false)
})

test("none is taken for another", () => {
  const marks = new NewestMarks(1_000)
  for (const mark of [0, 16, 32, largest]) marks.note(mark)
  for (const mark of [0, 16, 32, largest]) expect(marks.has(mark)).toBe(true)
  for (const mark of [1, 15, 48, largest - 1]) expect(marks.has(mark)).toBe(false)
})

test("what is noted again is forgotten as late as what is new", () => {
  const marks = new NewestMarks(10)
  marks.note(7)
  for (let mark = 100; mark < 109; mark++) marks.note(mark)
  marks.note(7)
  for (let mark = 200; mark < 209; mark++) marks.note(mark)
  expect(marks.has(7)).toBe(true)
})
