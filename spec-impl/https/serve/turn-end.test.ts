import { setImmediate } from "node:timers/promises"
import { expect, it } from "vitest"
import { TurnEnd } from "./turn-end.ts"

it("does what was added in one turn at its end, in that order, and what these add after another turn", async () => {
  const end = new TurnEnd()
  const done: string[] = []
  end.add(() => {
    done.push("one")
    end.add(() => void done.push("three"))
  })
  end.add(() => void done.push("two"))
  expect([done, end.size]).toEqual([[], 2])
  await setImmediate()
  expect([done, end.size]).toEqual([["one", "two"], 1])
  await setImmediate()
  expect([done, end.size]).toEqual([["one", "two", "three"], 0])
})
