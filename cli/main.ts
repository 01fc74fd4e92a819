/** The process around the command line: arguments in, exit code out. */
import { fileURLToPath } from "node:url"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { Engine } from "./engine.ts"
import { netsplit } from "./netsplit.ts"
import { ResultsFile } from "./recording/results-file.ts"

// A reader that has seen enough (`netsplit scenarios | head -1`) closes the pipe: that is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0)
  throw error
})

const { NETSPLIT_RESULTS: named = fileURLToPath(new URL("../results/netsplit.sqlite", import.meta.url)) } =
  process.env

// Not NodeRuntime.runMain: its SIGINT handler would wait for work that never yields, and its process.exit
// would cut off what a pipe has not taken yet.
process.exitCode = await Effect.runPromise(
  netsplit(process.argv.slice(2)).pipe(
    Effect.provide(Engine.layer),
    // Set to nothing, the variable is as good as --no-record.
    Effect.provide(ResultsFile.layer(named === "" ? undefined : named)),
    Effect.provide(NodeServices.layer),
  ),
)
