import { Cause, Console, Effect } from "effect"
import { CliConfig, CliError, CliOutput, Command, Flag, GlobalFlag, TerminalCapabilities } from "effect/cli"
import manifest from "../package.json" with { type: "json" }
import { bench } from "./bench.ts"
import { describeCliError } from "./describe-cli-error.ts"
import { exportCase } from "./export.ts"
import { load } from "./load.ts"
import { exitCodeOfError, exitCodeUsage, NotAsExpected, UsageError } from "./outcome.ts"
import { Argv } from "./recording/recorded.ts"
import { noRecordFlag, resultsFlag } from "./recording/results-file.ts"
import { repeatListFlags } from "./repeat-list-flags.ts"
import { replay } from "./replay.ts"
import { resolve } from "./resolve.ts"
import { results } from "./results.ts"
import { run } from "./run.ts"
import { scenarios } from "./scenarios.ts"
import { serve } from "./serve.ts"
import { shrink } from "./shrink.ts"
import { sweep } from "./sweep.ts"
import { worker } from "./worker.ts"

const debug = GlobalFlag.Setting("debug")({
  flag: Flag.Boolean("debug").pipe(
    Flag.withDescription("Show the stack of an error"),
    Flag.withDefault(false),
  ),
})

const command = Command.make("netsplit").pipe(
  Command.withDescription(manifest.description),
  Command.withExamples([
    {
      command: "netsplit run phantom-join-rules --room-version 10,12",
      description: "See three servers disagree for good in room version 10, and agree in 12",
    },
    { command: "netsplit scenarios", description: "See which stories there are" },
  ]),
  Command.withSubcommands([
    run,
    sweep,
    worker,
    replay,
    shrink,
    exportCase,
    scenarios,
    resolve,
    serve,
    bench,
    load,
    results,
  ]),
  Command.withGlobalFlags([debug, resultsFlag, noRecordFlag]),
)

/** Help that was asked for goes to stdout; all else is one line on stderr, so that stdout stays clean. */
const presenter = {
  present: Effect.fnUntraced(function* (event: CliOutput.Presenter.Event) {
    if (event._tag === "InvalidInvocation") {
      const [error] = event.errors
      if (error) yield* Console.error(`netsplit: ${describeCliError(error, event.commandPath)}`)
      return
    }
    if (event._tag === "Version") return yield* Console.log(event.version)
    const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
    const help = CliOutput.defaultFormatter({ colors: canColor }).formatHelpDoc(event.helpDoc)
    yield* event.reason === "Requested" ? Console.log(help) : Console.error(help)
  }),
}

const exitCodeOf = Effect.fnUntraced(function* (cause: Cause.Cause<unknown>, withStack: boolean) {
  const error = Cause.squash(cause)
  if (error instanceof NotAsExpected) return exitCodeOfError(error)
  if (CliError.isCliError(error) && error._tag === "ShowHelp") return exitCodeUsage
  const isUsage = error instanceof UsageError
  const message = error instanceof Error ? error.message : String(error)
  const [line] = message.split("\n")
  const advice = isUsage ? "" : " (a fault of netsplit; --debug shows where)"
  yield* Console.error(`netsplit: ${line}${withStack ? "" : advice}`)
  if (withStack) yield* Console.error(error instanceof Error ? error.stack : Cause.pretty(cause))
  return exitCodeOfError(error)
})

/**
 * Runs one command line, without the program's name, and gives its exit code: that of the command; 64 for
 * wrong usage; 70 where netsplit itself fails. Never fails: what went wrong is told on stderr.
 */
export const netsplit = (argv: readonly string[]) =>
  Command.runWith(command, { version: manifest.version })(repeatListFlags(argv)).pipe(
    Effect.as(0),
    Effect.catchCause((cause) => exitCodeOf(cause, argv.includes("--debug"))),
    Effect.provideService(Argv, argv),
    Effect.provideService(CliOutput.Presenter, presenter),
    Effect.provideService(CliConfig.CliConfig, {
      builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions],
    }),
  )
