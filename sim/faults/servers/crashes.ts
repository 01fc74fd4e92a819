/** Servers that end, or stand still, and come back. */
import { Effect, Schema } from "effect"
import { drawMs, drawServer } from "../draws.ts"
import { defineFault, type FaultWorld, serverNamed } from "../fault.ts"
import { Milliseconds, wanted, withDefault } from "../fields.ts"

const serverField = wanted(Schema.String, "the server")

/** Crashes a server, unless it is down, and keeps it so; gives what boots it, once nothing else keeps it down. */
const keepDown = (world: FaultWorld, server: string): Effect.Effect<Effect.Effect<void>> =>
  Effect.suspend(() => {
    const { host, isDown, crash } = serverNamed(world, server)
    const why = {}
    host.keptDownBy.add(why)
    const letUp = Effect.suspend(() => {
      host.keptDownBy.delete(why)
      return serverNamed(world, server).isDown() ? world.restart(server) : Effect.void
    })
    return Effect.as(isDown() ? Effect.void : crash, letUp)
  })

export const crash = defineFault({
  name: "crash",
  family: "servers",
  standsFor:
    "the process is killed in the middle of what it does: what its store had not acknowledged is lost, what is " +
    "asked of it is refused, and it stays down until the fault is undone",
  fields: { server: serverField },
  draw: (draws, servers) => ({ fault: "crash", server: drawServer(draws, servers) }),
  apply: (world, { server }) =>
    Effect.asVoid(Effect.acquireRelease(keepDown(world, server), (letUp) => letUp)),
})

export const restart = defineFault({
  name: "restart",
  family: "servers",
  standsFor: "an upgrade, or a process that died and is started anew: a crash, and some time later a boot",
  fields: {
    server: serverField,
    downMs: withDefault(Milliseconds, 1_000, "how long it is down"),
    readMs: withDefault(
      Milliseconds,
      0,
      "how long each read of the boot takes: a slow restart, for the database has to be read, or mended",
    ),
  },
  draw: (draws, servers) => ({
    fault: "restart",
    server: drawServer(draws, servers),
    downMs: drawMs(draws, 1, 300_000),
    readMs: draws.chance(0.3, "slow") ? drawMs(draws, 10, 10_000, "read") : 0,
  }),
  apply: (world, { server, downMs, readMs }) =>
    Effect.gen(function* () {
      const { diskFaults } = serverNamed(world, server).host
      const slow = { readMs }
      const reading = Effect.acquireRelease(
        Effect.sync(() => diskFaults.add(slow)),
        () => Effect.sync(() => diskFaults.delete(slow)),
      )
      const letUp = yield* keepDown(world, server)
      // Undone before its time, it boots at once.
      yield* Effect.sleep(downMs).pipe(
        Effect.ensuring(Effect.uninterruptible(Effect.scoped(Effect.andThen(reading, letUp)))),
        Effect.forkScoped({ startImmediately: true }),
      )
    }),
})

export const pause = defineFault({
  name: "pause",
  family: "servers",
  standsFor:
    "a process that stands still, for its machine swaps, its virtual machine moves, or it collects garbage: it answers " +
    "nobody and its timers run out, and then it goes on as if no time had passed",
  fields: { server: serverField, forMs: withDefault(Milliseconds, 30_000, "for how long") },
  draw: (draws, servers) => ({
    fault: "pause",
    server: drawServer(draws, servers),
    forMs: drawMs(draws, 100, 300_000),
  }),
  apply: (world, { server, forMs }) =>
    Effect.gen(function* () {
      const { kernel } = world
      const { name } = serverNamed(world, server)
      let isOver = false
      const goOn = Effect.sync(() => {
        if (!isOver) kernel.resume(name)
        isOver = true
      })
      yield* Effect.acquireRelease(
        Effect.sync(() => kernel.pause(name)),
        () => goOn,
      )
      yield* Effect.forkScoped(Effect.delay(goOn, forMs))
    }),
})
