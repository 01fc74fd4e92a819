/** Servers that end, and come back. */
import { Effect, Schema } from "effect"
import { drawMs, drawServer } from "../draws.ts"
import { defineFault, serverNamed } from "../fault.ts"
import { Milliseconds, wanted, withDefault } from "../fields.ts"

const serverField = wanted(Schema.String, "the server")

export const crash = defineFault({
  name: "crash",
  family: "servers",
  standsFor:
    "the process is killed in the middle of what it does: what its store had not acknowledged is lost, what is " +
    "asked of it is refused, and it stays down until the fault is undone",
  fields: { server: serverField },
  draw: (draws, servers) => ({ fault: "crash", server: drawServer(draws, servers) }),
  apply: (world, { server }) =>
    Effect.acquireRelease(
      Effect.suspend(() => serverNamed(world, server).crash),
      () => Effect.suspend(() => (serverNamed(world, server).isDown() ? world.restart(server) : Effect.void)),
    ),
})

export const restart = defineFault({
  name: "restart",
  family: "servers",
  standsFor: "an upgrade, or a supervisor that starts a process anew that has died: a crash, and then a boot",
  fields: {
    server: serverField,
    downMs: withDefault(Milliseconds, 1_000, "how long it is down: a slow restart takes minutes"),
  },
  draw: (draws, servers) => ({
    fault: "restart",
    server: drawServer(draws, servers),
    downMs: drawMs(draws, 1, 300_000),
  }),
  apply: (world, { server, downMs }) =>
    crash
      .apply(world, { fault: "crash", server })
      .pipe(
        Effect.andThen(Effect.sleep(downMs)),
        Effect.scoped,
        Effect.forkScoped({ startImmediately: true }),
        Effect.asVoid,
      ),
})
