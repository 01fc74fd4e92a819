/** Who waits hears of what happens, once, and leaves nothing behind. */

import { expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Waiting } from "./waiting.ts"

/** Something that happens, and those who listen to it. */
const happening = () => {
  const listeners = new Set<() => void>()
  return {
    listeners,
    watch: (listener: () => void) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    happen: () => {
      for (const listener of [...listeners]) listener()
    },
  }
}

it.effect("waits until one of several things happens", () =>
  Effect.gen(function* () {
    const [one, other] = [happening(), happening()]
    const waiting = new Waiting(one.watch, other.watch)
    const fiber = yield* Effect.forkChild(
      waiting.until(() => false, 1_000),
      { startImmediately: true },
    )
    expect([waiting.count, one.listeners.size, other.listeners.size]).toEqual([1, 1, 1])
    other.happen()
    yield* Fiber.join(fiber)
    expect([waiting.count, one.listeners.size, other.listeners.size]).toEqual([0, 0, 0])
  }),
)

it.effect("does not wait for what has happened already", () => {
  const { watch, listeners } = happening()
  return Effect.map(
    new Waiting(watch).until(() => true, 1_000),
    () => expect(listeners.size).toBe(0),
  )
})

it.effect("waits no longer than it may, and not at all once everything is over", () =>
  Effect.gen(function* () {
    const { watch, listeners } = happening()
    const waiting = new Waiting(watch)
    const overdue = yield* Effect.forkChild(
      waiting.until(() => false, 1_000),
      { startImmediately: true },
    )
    yield* TestClock.adjust(1_000)
    yield* Fiber.join(overdue)
    const ended = yield* Effect.forkChild(
      waiting.until(() => false, 1_000),
      { startImmediately: true },
    )
    waiting.end()
    yield* Fiber.join(ended)
    yield* waiting.until(() => false, 1_000)
    expect([waiting.count, listeners.size]).toEqual([0, 0])
  }),
)

it.effect("leaves nothing behind when it is interrupted", () =>
  Effect.gen(function* () {
    const { watch, listeners } = happening()
    const waiting = new Waiting(watch)
    const fiber = yield* Effect.forkChild(
      waiting.until(() => false, 1_000),
      { startImmediately: true },
    )
    yield* Fiber.interrupt(fiber)
    expect([waiting.count, listeners.size]).toEqual([0, 0])
  }),
)
