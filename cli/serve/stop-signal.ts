import { Context, Effect, Layer } from "effect"

/** SIGINT and SIGTERM: the first asks to stop, the second ends the process. */
export class StopSignal extends Context.Service<
  StopSignal,
  {
    /** Done when the first one comes. */
    readonly received: Effect.Effect<void>
  }
>()("netsplit/cli/StopSignal") {
  static readonly layer = Layer.succeed(this, {
    received: Effect.callback<void>((resume) => {
      const first = (): void => {
        for (const name of names) process.on(name, () => process.exit(exitCodeKilled))
        resume(Effect.void)
      }
      for (const name of names) process.once(name, first)
    }),
  })
}

const names = ["SIGINT", "SIGTERM"] as const
/** As shells have it for SIGINT. */
const exitCodeKilled = 130
