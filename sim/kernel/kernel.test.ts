/** The kernel: the same seed gives the same run, in one process and in two; another seed gives another. */
import { execFile } from "node:child_process"
import { scheduler } from "node:timers/promises"
import { promisify } from "node:util"
import { Cause, Clock, Deferred, Effect, Exit, Ref, Scope } from "effect"
import { describe, expect, it } from "vitest"
import { battery, runEntry } from "./battery.ts"
import { Fence } from "./fence.ts"
import { Kernel } from "./kernel.ts"
import { KernelStalled, StoppedAtStep } from "./kernel-failures.ts"
import { Trace } from "./trace.ts"

const run = <A, E>(effect: Effect.Effect<A, E>, options: Partial<Parameters<typeof Kernel.make>[0]> = {}) => {
  const kernel = Kernel.make({ seed: 1, ...options })
  return kernel.run(effect).then((exit) => ({ kernel, exit }))
}
const succeeded = <A, E>(exit: Exit.Exit<A, E>): A => {
  if (Exit.isFailure(exit)) throw new Error(Cause.pretty(exit.cause))
  return exit.value
}

describe("Effect's own parts, guarded and preempted", () => {
  for (const name of Object.keys(battery)) {
    it(`${name}: one seed, one run`, async () => {
      for (const preemption of [0.1, 0.6]) {
        const first = await runEntry(name, 7, preemption)
        expect(first).toContain('"_tag":"Success"')
        expect(await runEntry(name, 7, preemption)).toBe(first)
      }
    })
  }

  it("other seeds give other traces", async () => {
    const lines = await Promise.all([1, 2, 3, 4, 5].map((seed) => runEntry("stream", seed, 0.1)))
    expect(new Set(lines.map((line) => line.split(" ")[3])).size).toBe(5)
  })

  it("another process, time zone and locale give the same", async () => {
    const main = new URL("battery-main.ts", import.meta.url).pathname
    const inProcess = async (env: Readonly<Record<string, string>>, preemption: number): Promise<string> => {
      const options = { env: { ...process.env, ...env } }
      return (await promisify(execFile)(process.execPath, [main, "3", String(preemption)], options)).stdout
    }
    for (const preemption of [0.1, 0.6]) {
      const [here, there] = await Promise.all([
        inProcess({ TZ: "UTC", LC_ALL: "C" }, preemption),
        inProcess({ TZ: "Pacific/Auckland", LC_ALL: "tr_TR.UTF-8" }, preemption),
      ])
      expect(here.split("\n").length).toBeGreaterThan(Object.keys(battery).length)
      expect(there).toBe(here)
    }
  })
})

describe("virtual time", () => {
  it("stands still while anything is left to do, and then leaps", async () => {
    const { kernel, exit } = await run(
      Effect.gen(function* () {
        const startMs = yield* Clock.currentTimeMillis
        yield* Effect.sleep("3 days")
        return (yield* Clock.currentTimeMillis) - startMs
      }),
    )
    expect(succeeded(exit)).toBe(3 * 86_400_000)
    expect(kernel.elapsedMs).toBe(3 * 86_400_000)
  })

  it("may be off on one server", async () => {
    const kernel = Kernel.make({ seed: 1 })
    kernel.setClockOffsetMs("s2", 5_000)
    const times = Effect.all([
      Clock.currentTimeMillis.pipe(kernel.within("s1")),
      Clock.currentTimeMillis.pipe(kernel.within("s2")),
    ])
    const [one, other] = succeeded(await kernel.run(times))
    expect(other - one).toBe(5_000)
  })

  it("is held by real promises, which are delivered in order of issue", async () => {
    const kernel = Kernel.make({ seed: 3, preemption: 0, shuffle: false })
    const order: string[] = []
    const real = (name: string, realMs: number) =>
      kernel
        .awaitPromise(() => scheduler.wait(realMs).then(() => name))
        .pipe(Effect.tap((value) => Effect.sync(() => order.push(value))))
    const virtual = Effect.sleep(1).pipe(Effect.andThen(Effect.sync(() => order.push("virtual"))))
    const all = Effect.all([virtual, real("slow", 20), real("quick", 1)], { concurrency: "unbounded" })
    succeeded(await kernel.run(all))
    expect(order).toEqual(["slow", "quick", "virtual"])
  })
})

describe("the end of a run", () => {
  it("a run that waits for what never comes is stalled", async () => {
    const { exit } = await run(Effect.never)
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(KernelStalled)
  })

  it("stops after the step that it is told", async () => {
    const program = Effect.forEach([1, 2, 3, 4, 5], () => Effect.sleep(1))
    const { kernel, exit } = await run(program, { stopAtStep: 3 })
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(StoppedAtStep)
    expect(kernel.trace.steps).toBe(3)
  })

  it("bounds hold", async () => {
    const forever = Effect.forever(Effect.sleep(10))
    for (const bound of [{ stepsMax: 50 }, { virtualMsMax: 100 }]) {
      const { exit } = await run(forever, bound)
      expect(Exit.isFailure(exit) && String(Cause.squash(exit.cause))).toContain(Object.keys(bound)[0])
    }
  })
})

describe("the schedule", () => {
  /** Reads, thinks, writes: two of them lose an update if one is put back in between. */
  const racing = Effect.gen(function* () {
    const balance = yield* Ref.make(0)
    const deposit = Effect.flatMap(Ref.get(balance), (before) => Ref.set(balance, before + 1))
    yield* Effect.all([deposit, deposit], { concurrency: "unbounded" })
    return yield* Ref.get(balance)
  })
  const losses = async (options: {
    readonly shuffle: boolean
    readonly preemption: number
  }): Promise<number> => {
    let lost = 0
    for (let seed = 1; seed <= 200; seed++)
      lost += succeeded((await run(racing, { seed, ...options })).exit) < 2 ? 1 : 0
    return lost
  }

  it("preemption finds the race that order alone does not", async () => {
    expect(await losses({ shuffle: false, preemption: 0 })).toBe(0)
    expect(await losses({ shuffle: true, preemption: 0 })).toBe(0)
    expect(await losses({ shuffle: true, preemption: 0.1 })).toBeGreaterThan(5)
  })

  it("preemption at any rate comes to an end", async () => {
    expect(succeeded((await run(racing, { preemption: 0.95 })).exit)).toBeGreaterThan(0)
  })

  it("one server's draws do not depend on what another does", async () => {
    const orders = async (busy: boolean): Promise<readonly number[]> => {
      const kernel = Kernel.make({ seed: 9, preemption: 0 })
      const order: number[] = []
      const wakers = Effect.forEach(
        [1, 2, 3, 4, 5, 6],
        (number) => Effect.sleep(10).pipe(Effect.andThen(Effect.sync(() => order.push(number)))),
        { concurrency: "unbounded" },
      ).pipe(kernel.within("s1"))
      const other = Effect.forEach([1, 2, 3], () => Effect.sleep(10), { concurrency: "unbounded" }).pipe(
        kernel.within("s2"),
      )
      await kernel.run(Effect.all(busy ? [wakers, other] : [wakers], { concurrency: "unbounded" }))
      return order
    }
    expect(await orders(true)).toEqual(await orders(false))
  })
})

describe("the trace", () => {
  it("holds what was recorded, and its hash all that is in it", async () => {
    const record = async (word: string) => {
      const trace = new Trace({ keep: true })
      const kernel = Kernel.make({ seed: 1, trace })
      await kernel.run(Effect.sync(() => trace.record("said", word, 7, new Uint8Array([1, 2]))))
      return trace
    }
    const [one, same, other] = [await record("a"), await record("a"), await record("b")]
    expect(one.records).toMatchObject([{ step: 1, kind: "said", fields: ["a", 7, 2] }])
    expect(same.hash()).toBe(one.hash())
    expect(other.hash()).not.toBe(one.hash())
  })

  it("takes records of any length", () => {
    const hashOf = (length: number): string => {
      const trace = new Trace()
      for (let at = 0; at < 10; at++) trace.record("bytes", new Uint8Array(length), "é".repeat(length))
      return trace.hash()
    }
    expect(new Set([0, 1, 65_535, 65_536, 70_000, 200_000].map(hashOf)).size).toBe(6)
  })
})

describe("a fence", () => {
  it("lets nothing of a boot through once it is over, finalizers and uninterruptible regions included", async () => {
    const written: string[] = []
    const fence = new Fence()
    const write = (what: string) => fence.guard(Effect.sync(() => void written.push(what)))
    const program = Effect.gen(function* () {
      const scope = yield* Scope.make()
      yield* Scope.addFinalizer(scope, write("finalizer"))
      const slow = Effect.uninterruptible(
        write("before").pipe(Effect.andThen(Effect.sleep(10)), Effect.andThen(write("after"))),
      )
      yield* Effect.forkIn(slow, scope)
      yield* Effect.sleep(5)
      fence.fall()
      yield* Effect.forkDetach(Scope.close(scope, Exit.void))
      yield* Effect.sleep(100)
    })
    succeeded((await run(program, { preemption: 0 })).exit)
    expect(written).toEqual(["before"])
  })

  it("keeps back the result of what was under way", async () => {
    const fence = new Fence()
    const program = Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(fence.guard(Deferred.await(gate)))
      yield* Effect.sleep(1)
      fence.fall()
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.sleep(1)
      return (yield* Effect.sync(() => fiber.pollUnsafe())) === undefined
    })
    expect(succeeded((await run(program)).exit)).toBe(true)
  })
})
