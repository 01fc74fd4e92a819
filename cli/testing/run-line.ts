import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, type Layer } from "effect"
import { TerminalCapabilities } from "effect/cli"
import type { Engine } from "../engine.ts"
import { netsplit } from "../netsplit.ts"
import { ResultsFile } from "../recording/results-file.ts"
import { engineDouble } from "./engine-double.ts"

/**
 * Runs one command line in this process, and gives what a shell would see of it. No results are kept, unless the line
 * says where.
 */
export const runLine = async (
  argv: readonly string[],
  engine: Layer.Layer<Engine> = engineDouble(),
  canColor = false,
): Promise<{ exitCode: number; stdout: string; stderr: string }> => {
  const stdout: string[] = []
  const stderr: string[] = []
  const console: Console.Console = Object.assign(Object.create(globalThis.console), {
    log: (line: unknown) => stdout.push(`${line}\n`),
    error: (line: unknown) => stderr.push(`${line}\n`),
  })
  const exitCode = await Effect.runPromise(
    netsplit(argv).pipe(
      Effect.provideService(Console.Console, console),
      Effect.provideService(TerminalCapabilities.TerminalCapabilities, {
        canColor,
        canAnimate: false,
        canPrompt: false,
      }),
      Effect.provide(engine),
      Effect.provide(ResultsFile.layer(undefined)),
      Effect.provide(NodeServices.layer),
    ),
  )
  return { exitCode, stdout: stdout.join(""), stderr: stderr.join("") }
}
