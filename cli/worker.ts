import { availableParallelism } from "node:os"
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { clusterFlag, integerFlag } from "./flags.ts"
import { stopSignal } from "./stop-signal.ts"

const parameters = {
  cluster: clusterFlag,
  threads: integerFlag("threads", 1).pipe(
    Flag.withDescription("How many threads; one for each core unless given"),
    Flag.optional,
  ),
}

/** `netsplit worker`: runs seeds for sweeps that are started elsewhere. */
export const worker = Command.make(
  "worker",
  parameters,
  Effect.fnUntraced(function* (input) {
    const { serveLanes } = yield* Effect.promise(() => import("./sweep/cluster/serve-lanes.ts"))
    const threads = Option.getOrElse(input.threads, availableParallelism)
    yield* Effect.scoped(
      Effect.gen(function* () {
        const stopped = yield* stopSignal
        const name = yield* serveLanes(input.cluster, threads)
        yield* Console.error(`netsplit: ${name} runs seeds on ${threads} threads; Ctrl-C stops it`)
        yield* stopped
      }),
    )
  }),
).pipe(
  Command.withDescription(
    "Run seeds for `netsplit sweep --cluster`, until SIGINT or SIGTERM. Start one on each machine, from the same files. " +
      "Machines need to reach nothing but the database, with up to 4 connections each; a worker may come and go at any " +
      "time. One answers about a hundred seeds a second: with many cores start several, with --threads. " +
      "Exit code: 0 stopped, 64 the database cannot be used.",
  ),
  Command.withShortDescription("Run seeds for sweeps of other machines"),
  Command.withExamples([
    {
      command: "netsplit worker --cluster postgres://netsplit@db.example/netsplit",
      description: "All cores of this machine",
    },
  ]),
)
