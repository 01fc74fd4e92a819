import { expect, test } from "vitest"
import { KeptLog } from "./kept-log.ts"

interface Kept {
  readonly id: string
  readonly value: number
}
const logOf = (...kept: readonly Kept[]): KeptLog<Kept> => {
  const log = new KeptLog<Kept>(({ id }) => id)
  for (const each of kept) log.set(each)
  return log
}

test("all that is kept is found by its key, and nothing else", () => {
  const kept = Array.from({ length: 1_000 }, (_, value) => ({ id: `$${value}`, value }))
  const log = logOf(...kept)
  for (const each of kept) expect(log.get(each.id)).toBe(each)
  expect(log.has("$999")).toBe(true)
  expect(log.has("$1000")).toBe(false)
  expect(log.get("$1000")).toBeUndefined()
})

test("keys that begin alike are told from each other", () => {
  const log = logOf({ id: "$of-one-beginning:a", value: 1 }, { id: "$of-one-beginning:b", value: 2 })
  expect(log.get("$of-one-beginning:b")).toMatchObject({ value: 2 })
  expect(log.get("$of-one-beginning:c")).toBeUndefined()
})

test("what has the key of another takes its place, and its turn", () => {
  const log = logOf({ id: "a", value: 1 }, { id: "b", value: 2 }, { id: "a", value: 3 })
  expect(log.values().map(({ value }) => value)).toEqual([3, 2])
})

test("a copy is not changed by what comes later", () => {
  const log = logOf({ id: "a", value: 1 })
  const copy = log.copy()
  log.set({ id: "a", value: 2 })
  log.set({ id: "b", value: 3 })
  expect(copy.values()).toEqual([{ id: "a", value: 1 }])
  expect(copy.has("b")).toBe(false)
})
