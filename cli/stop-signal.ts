import { Deferred, Effect } from "effect"

/** Listens while the scope lasts, and gives what waits for SIGINT or SIGTERM; the second one ends the process at once. */
export const stopSignal = Effect.gen(function* () {
  const stopped = yield* Deferred.make<void>()
  let isStopping = false
  const stop = () => {
    if (isStopping) process.exit(130)
    isStopping = true
    Deferred.doneUnsafe(stopped, Effect.void)
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      process.on("SIGINT", stop)
      process.on("SIGTERM", stop)
    }),
    () =>
      Effect.sync(() => {
        process.off("SIGINT", stop)
        process.off("SIGTERM", stop)
      }),
  )
  return Deferred.await(stopped)
})
