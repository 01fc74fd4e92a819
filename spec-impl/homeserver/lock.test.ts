import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Lock } from "./lock.ts"

/** Notes when it begins and ends, with a step between. */
const noting = (noted: string[], name: string) =>
  Effect.gen(function* () {
    noted.push(`${name} begins`)
    yield* Effect.yieldNow
    noted.push(`${name} ends`)
  })

describe("a lock", () => {
  it.effect("is one's at a time, in the order in which they came", () =>
    Effect.gen(function* () {
      const lock = new Lock()
      const noted: string[] = []
      const hold = (name: string) => Lock.hold([lock], () => noting(noted, name))
      yield* Effect.all([hold("a"), hold("b"), hold("c")], { concurrency: "unbounded" })
      expect(noted).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"])
    }),
  )

  it.effect("is given back where what is done fails, or dies", () =>
    Effect.gen(function* () {
      const lock = new Lock()
      expect(yield* Effect.flip(Lock.hold([lock], () => Effect.fail("no")))).toBe("no")
      yield* Effect.exit(Lock.hold([lock], () => Effect.die("broken")))
      expect(yield* Lock.hold([lock], () => Effect.succeed("yes"))).toBe("yes")
    }),
  )

  it.effect("passes over who waited for it and was interrupted, and goes on from who had it and was", () =>
    Effect.gen(function* () {
      const lock = new Lock()
      const noted: string[] = []
      const first = yield* Effect.forkChild(
        Lock.hold([lock], () => Effect.never),
        { startImmediately: true },
      )
      const second = yield* Effect.forkChild(
        Lock.hold([lock], () => noting(noted, "second")),
        { startImmediately: true },
      )
      const third = yield* Effect.forkChild(
        Lock.hold([lock], () => noting(noted, "third")),
        { startImmediately: true },
      )
      yield* Fiber.interrupt(second)
      yield* Fiber.interrupt(first)
      yield* Fiber.join(third)
      expect(noted).toEqual(["third begins", "third ends"])
    }),
  )

  it.effect("of two that are wanted together waits for either, and has the first meanwhile", () =>
    Effect.gen(function* () {
      const [outer, inner] = [new Lock(), new Lock()]
      const noted: string[] = []
      yield* Effect.all(
        [
          Lock.hold([inner], () => noting(noted, "inner")),
          Lock.hold([outer, inner], () => noting(noted, "both")),
          Lock.hold([outer], () => noting(noted, "outer")),
        ],
        { concurrency: "unbounded" },
      )
      expect(noted).toEqual([
        ...["inner begins", "inner ends", "both begins", "both ends", "outer begins", "outer ends"],
      ])
    }),
  )

  it.effect("can be lent: others have it meanwhile, and then it is the lender's turn again", () =>
    Effect.gen(function* () {
      const lock = new Lock()
      const noted: string[] = []
      const lending = Lock.hold([lock], () =>
        Effect.andThen(lock.lend(noting(noted, "lender's rest")), noting(noted, "lender")),
      )
      yield* Effect.all([lending, Lock.hold([lock], () => noting(noted, "other"))], {
        concurrency: "unbounded",
      })
      expect(noted.indexOf("other begins")).toBeLessThan(noted.indexOf("lender's rest ends"))
      expect(noted.indexOf("other ends")).toBeLessThan(noted.indexOf("lender begins"))
    }),
  )
})
