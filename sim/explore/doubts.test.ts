/** What can be left out is found in few tries, and all of it. */
import { expect, test } from "vitest"
import { type Attempt, afterYes, attempts, type Doubts } from "./doubts.ts"

/** Leaves out what can go, where `needed` must stay. */
const leaveOut = (start: Doubts, needed: ReadonlySet<string>) => {
  let doubts = start
  let tries = 0
  for (;;) {
    let found: Attempt | undefined
    for (const attempt of attempts(doubts)) {
      tries += 1
      if (attempt.keys.every((key) => !needed.has(key))) {
        found = attempt
        break
      }
    }
    if (found === undefined) return { left: [...doubts.keys()], tries }
    doubts = afterYes(found)
  }
}

const keys = Array.from({ length: 500 }, (_, at) => `k${at}`)
const doubtsOf = (doubt: (key: string) => number): Doubts => new Map(keys.map((key) => [key, doubt(key)]))

test("all that is not needed goes, wherever the needed stand", () => {
  for (const needed of [[], ["k0"], ["k499"], ["k17", "k18", "k250", "k400", "k401"], keys.slice(100, 110)]) {
    const { left, tries } = leaveOut(
      doubtsOf(() => 0.05),
      new Set(needed),
    )
    expect(left).toEqual(needed)
    // One by one it would be 500, and for each needed one more.
    expect(tries).toBeLessThan(40 + 14 * needed.length)
  }
})

test("what is likely not to be needed goes first, and at once", () => {
  const likely = doubtsOf((key) => (key.endsWith("7") ? 0.5 : 0.001))
  const [first] = attempts(likely)
  expect(first!.keys.length).toBe(450)
  expect(first!.keys.some((key) => key.endsWith("7"))).toBe(false)
})

test("where all are needed each is tried alone, once, and none is called needed before", () => {
  const few = new Map(["a", "b", "c"].map((key) => [key, 0.3]))
  const tried = [...attempts(few)]
  expect(
    tried
      .filter((attempt) => attempt.keys.length === 1)
      .flatMap((attempt) => attempt.keys)
      .sort(),
  ).toEqual(["a", "b", "c"])
})
