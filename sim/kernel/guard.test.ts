/** Each ambient source of time, chance and order fails inside a simulation, by a message that names it. */
import nodeCrypto, { randomBytes, randomInt, randomUUID } from "node:crypto"
import { Cause, Effect, Exit, Fiber, HashMap, Layer, ManagedRuntime } from "effect"
import { describe, expect, it } from "vitest"
import { whileGuarded } from "./guard.ts"
import { Kernel } from "./kernel.ts"

const sources: Readonly<Record<string, () => unknown>> = {
  "Date.now": () => Date.now(),
  "new Date()": () => new Date(),
  "Date()": () => Date(),
  "Math.random": () => Math.random(),
  "performance.now": () => performance.now(),
  setTimeout: () => setTimeout(() => undefined, 0),
  setInterval: () => setInterval(() => undefined, 0),
  setImmediate: () => setImmediate(() => undefined),
  queueMicrotask: () => queueMicrotask(() => undefined),
  "process.nextTick": () => process.nextTick(() => undefined),
  "process.hrtime": () => process.hrtime(),
  "process.hrtime.bigint": () => process.hrtime.bigint(),
  "crypto.randomUUID": () => crypto.randomUUID(),
  "crypto.getRandomValues": () => crypto.getRandomValues(new Uint8Array(1)),
  "crypto.subtle.digest": () => crypto.subtle.digest("SHA-256", new Uint8Array(1)),
  "node:crypto.randomBytes": () => randomBytes(1),
  "node:crypto.randomUUID": () => randomUUID(),
  "node:crypto.randomInt": () => randomInt(2),
  "node:crypto.randomFillSync": () => nodeCrypto.randomFillSync(new Uint8Array(1)),
  "Promise.prototype.then": () => Promise.resolve(1).then(() => 2),
  "String.prototype.localeCompare": () => "a".localeCompare("b"),
  "String.prototype.toLocaleUpperCase": () => "i".toLocaleUpperCase(),
  "Number.prototype.toLocaleString": () => (1.5).toLocaleString(),
  "Intl.Collator": () => new Intl.Collator(),
  "Intl.DateTimeFormat": () => new Intl.DateTimeFormat(),
  "Date.prototype.getTimezoneOffset": () => new Date(0).getTimezoneOffset(),
  "Date.prototype.getHours": () => new Date(0).getHours(),
  "Date.prototype.toString": () => new Date(0).toString(),
  fetch: () => fetch("https://example.org"),
}

describe("inside a simulation", () => {
  for (const [name, call] of Object.entries(sources)) {
    it(`${name} is an error that names it`, async () => {
      const exit = await Kernel.make({ seed: 1 }).run(Effect.sync(call))
      expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain(
        `${name} was called inside a simulation`,
      )
    })
  }

  it("Effect.promise does not hang in silence", async () => {
    const exit = await Kernel.make({ seed: 1 }).run(Effect.promise(() => Promise.resolve(1)))
    expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("Promise.prototype.then")
  })

  it("a HashMap with function keys, which effect hashes by chance, is an error too", async () => {
    const key = () => undefined
    const exit = await Kernel.make({ seed: 1 }).run(Effect.sync(() => HashMap.make([key, 1])))
    expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("Math.random")
  })

  it("a ManagedRuntime, which leaves the kernel for the event loop, is an error too", async () => {
    const runtime = ManagedRuntime.make(Layer.empty)
    const exit = await Kernel.make({ seed: 1 }).run(
      Effect.sync(() => runtime.runFork(Effect.yieldNow.pipe(Effect.andThen(Effect.void)))),
    )
    expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("was called inside a simulation")
  })

  it("all of crypto.subtle is", async () => {
    const names = Object.getOwnPropertyNames(Object.getPrototypeOf(crypto.subtle)).filter(
      (name) => name !== "constructor",
    )
    for (const name of names) {
      const call = () => (Reflect.get(crypto.subtle, name) as () => unknown)()
      const exit = await Kernel.make({ seed: 1 }).run(Effect.sync(call))
      expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain(`crypto.subtle.${name}`)
    }
  })

  it("the error names the step, and the server whose step it was", async () => {
    const kernel = Kernel.make({ seed: 1, preemption: 0 })
    const handler = Effect.andThen(
      Effect.sleep(5),
      Effect.sync(() => Math.random()),
    )
    const exit = await kernel.run(
      handler.pipe(kernel.within("s2"), Effect.forkChild, Effect.flatMap(Fiber.join)),
    )
    expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("a simulation, at step 3 of s2: use")
  })

  it("dates of a given instant are no trouble", async () => {
    const exit = await Kernel.make({ seed: 1 }).run(Effect.sync(() => new Date(0).toISOString()))
    expect(exit).toEqual(Exit.succeed("1970-01-01T00:00:00.000Z"))
  })
})

describe("outside", () => {
  it("everything is as it was, also after an error and after nesting", async () => {
    const before = [
      Date,
      Date.now,
      Math.random,
      setTimeout,
      Promise.prototype.then,
      Intl.Collator,
      randomBytes,
    ]
    expect(() =>
      whileGuarded(() =>
        whileGuarded(() => {
          throw new Error("inside")
        }),
      ),
    ).toThrow("inside")
    expect([
      Date,
      Date.now,
      Math.random,
      setTimeout,
      Promise.prototype.then,
      Intl.Collator,
      randomBytes,
    ]).toEqual(before)
    expect(Date.now()).toBeGreaterThan(0)
    expect(randomBytes(2).length).toBe(2)
  })
})
