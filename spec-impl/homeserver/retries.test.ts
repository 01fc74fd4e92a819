import { it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import { expect } from "vitest"
import { Retries } from "./retries.ts"

const withRetries = Effect.gen(function* () {
  const woken: string[] = []
  const retries = new Retries<string>(yield* Effect.context<never>(), yield* Clock.Clock, (what) => {
    woken.push(what)
  })
  return { retries, woken }
})

it.effect("each is woken when it is due, whatever was added before it", () =>
  Effect.gen(function* () {
    const { retries, woken } = yield* withRetries
    retries.add("late", 1_000)
    retries.add("early", 500)
    retries.add("early too", 500)
    yield* TestClock.adjust(499)
    expect(woken).toEqual([])
    yield* TestClock.adjust(1)
    expect(woken).toEqual(["early", "early too"])
    retries.add("last", 600)
    yield* TestClock.adjust(500)
    expect(woken).toEqual(["early", "early too", "late"])
    yield* TestClock.adjust(100)
    expect(woken.at(-1)).toBe("last")
  }),
)

it.effect("what no longer waits is not woken, and the others are as before", () =>
  Effect.gen(function* () {
    const { retries, woken } = yield* withRetries
    retries.add("first", 500)
    retries.add("second", 1_000)
    expect(retries.cancel("first")).toBe(true)
    expect(retries.cancel("first")).toBe(false)
    yield* TestClock.adjust(999)
    expect(woken).toEqual([])
    yield* TestClock.adjust(1)
    expect(woken).toEqual(["second"])
    retries.add("third", 10)
    yield* retries.end
    yield* TestClock.adjust(1_000)
    expect(woken).toEqual(["second"])
  }),
)

it.effect(
  "of many, some of which are cancelled, the others are woken in the order in which they are due",
  () =>
    Effect.gen(function* () {
      const { retries, woken } = yield* withRetries
      const dueMs = new Map<string, number>()
      const expected: string[] = []
      let nowMs = 0
      for (let round = 0; round < 400; round++) {
        const ms = 1 + ((round * 37) % 90)
        retries.add(`of ${round}`, ms)
        dueMs.set(`of ${round}`, nowMs + ms)
        const cancelled = `of ${(round * 13) % (round + 1)}`
        if (round % 4 > 0) expect(retries.cancel(cancelled)).toBe(dueMs.delete(cancelled))
        const stepMs = round % 7
        yield* TestClock.adjust(stepMs)
        nowMs += stepMs
        const due = [...dueMs]
          .filter(([, atMs]) => atMs <= nowMs)
          .toSorted(([, one], [, other]) => one - other)
        for (const [what] of due) {
          expected.push(what)
          dueMs.delete(what)
        }
        expect(woken).toEqual(expected)
      }
    }),
)
