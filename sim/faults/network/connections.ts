/** Connections that fail, and requests that wait for theirs. */
import { Effect, Latch, Schema } from "effect"
import { drawLinks, drawShare } from "../draws.ts"
import { defineFault } from "../fault.ts"
import { Milliseconds, requestFields, shareOf, withDefault } from "../fields.ts"
import { striking } from "../strikes.ts"

export const connectionRefused = defineFault({
  name: "connection-refused",
  family: "network",
  standsFor: "nobody listens, for now: a server that is being deployed, or has no connection to spare",
  fields: {
    ...requestFields,
    share: shareOf(0.3),
    afterMs: withDefault(Milliseconds, 50, "how long it takes until that is known"),
  },
  draw: (draws, servers) => ({
    fault: "connection-refused",
    ...drawLinks(draws, servers),
    share: drawShare(draws, 0.05, 1),
  }),
  apply: (world, fault) =>
    world.network.disturb(
      striking(world, fault, () => ({ fails: { reason: "refused", afterMs: fault.afterMs } })),
    ),
})

export const connectionReset = defineFault({
  name: "connection-reset",
  family: "network",
  standsFor: "the connection breaks, and its caller knows: before anything was done, or when all was",
  fields: {
    ...requestFields,
    share: shareOf(0.1),
    when: withDefault(
      Schema.Literals(["before-effect", "after-effect"]),
      "after-effect",
      "whether the destination has done what it was asked",
    ),
  },
  draw: (draws, servers) => ({
    fault: "connection-reset",
    ...drawLinks(draws, servers),
    share: drawShare(draws, 0.05, 0.5),
    when: draws.pick(["before-effect", "after-effect"] as const, "when"),
  }),
  apply: (world, fault) =>
    world.network.disturb(
      striking(world, fault, () =>
        fault.when === "after-effect" ? { breaks: true } : { fails: { reason: "reset", afterMs: 50 } },
      ),
    ),
})

export const connectionTimeout = defineFault({
  name: "connection-timeout",
  family: "network",
  standsFor: "a firewall that swallows what opens a connection: no answer comes, and none will",
  fields: {
    ...requestFields,
    share: shareOf(0.3),
    afterMs: withDefault(Milliseconds, 10_000, "how long the caller waits for it"),
  },
  draw: (draws, servers) => ({
    fault: "connection-timeout",
    ...drawLinks(draws, servers),
    share: drawShare(draws, 0.05, 1),
  }),
  apply: (world, fault) =>
    world.network.disturb(
      striking(world, fault, () => ({ fails: { reason: "timed-out", afterMs: fault.afterMs } })),
    ),
})

export const hold = defineFault({
  name: "hold",
  family: "network",
  standsFor: "a queue that does not move: requests wait, and leave all at once when the fault is undone",
  fields: { ...requestFields, share: shareOf(1) },
  draw: (draws, servers) => ({
    fault: "hold",
    ...drawLinks(draws, servers),
    share: drawShare(draws, 0.1, 1),
  }),
  apply: (world, fault) =>
    Effect.gen(function* () {
      const latch = Latch.makeUnsafe(false)
      yield* Effect.addFinalizer(() => Effect.sync(() => void latch.openUnsafe()))
      yield* world.network.disturb(striking(world, fault, () => ({ heldUntil: latch.await })))
    }),
})
