import { expect, test } from "vitest"
import { KeptAnswers } from "./kept-answers.ts"

const answer = (of: number) => ({ pdus: { [`$${of}`]: {} } })
const ids = Array.from({ length: 300 }, (_, at) => `t${at}`)
const answersTo = (transactionIds: readonly string[]): KeptAnswers => {
  const answers = new KeptAnswers()
  for (const [at, id] of transactionIds.entries())
    answers.set("s2", id, { answer: answer(at), answeredTs: at })
  return answers
}

test("each of hundreds is found by its origin and id, and nothing else", () => {
  const answers = answersTo(ids)
  for (const [at, id] of ids.entries()) expect(answers.get("s2", id)).toEqual(answer(at))
  expect(answers.get("s3", "t1")).toBeUndefined()
  expect(answers.get("s2", "t")).toBeUndefined()
})

test("whatever is in an id", () => {
  const odd = ['"', "\\", "\n", "\u0000", "\ud800", "é", ""]
  const answers = answersTo([...odd, ...ids])
  for (const [at, id] of odd.entries()) expect(answers.get("s2", id)).toEqual(answer(at))
  expect(answers.newest(400).slice(0, odd.length)).toEqual(odd.map((id) => ["s2", id]))
})

test("of two to the same transaction the last counts", () => {
  const answers = answersTo([...ids, "t0"])
  expect(answers.get("s2", "t0")).toEqual(answer(300))
  expect(answers.newest(2)).toEqual([
    ["s2", "t299"],
    ["s2", "t0"],
  ])
})

test("those before a time are forgotten, and a copy knows them still", () => {
  const answers = answersTo(ids)
  const copy = answers.copy()
  answers.forgetBefore(200)
  expect(answers.get("s2", "t199")).toBeUndefined()
  expect(answers.get("s2", "t200")).toEqual(answer(200))
  expect(copy.get("s2", "t199")).toEqual(answer(199))
})
