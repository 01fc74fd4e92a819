import { Clock, Console, Effect, Option } from "effect"
import { Argument, Command, Flag, TerminalCapabilities } from "effect/cli"
import { tableNames } from "#results/database/tables.ts"
import { integerFlag } from "./flags.ts"
import { jsonFlag } from "./json-flag.ts"
import { UsageError } from "./outcome.ts"
import { parseSince } from "./results/since.ts"
import { withResults } from "./results/with-results.ts"

const list = Command.make(
  "list",
  {
    command: Flag.String("command").pipe(
      Flag.withMetavar("NAME"),
      Flag.withDescription("Only of this command: run, sweep, replay, shrink, resolve, bench, load"),
      Flag.optional,
    ),
    since: Flag.String("since").pipe(
      Flag.withMetavar("TIME"),
      Flag.withDescription("Only what began after: 90m, 12h, 7d ago, or a date"),
      Flag.optional,
    ),
    limit: integerFlag("limit", 1).pipe(
      Flag.withDescription("How many at most, the newest; 20 unless given"),
      Flag.withDefault(20),
    ),
    json: jsonFlag,
  },
  Effect.fnUntraced(function* (input) {
    const now = yield* Clock.currentTimeMillis
    const sinceTs = Option.isNone(input.since) ? 0 : parseSince(input.since.value, now)
    if (sinceTs === undefined) {
      const given = Option.getOrThrow(input.since)
      return yield* new UsageError({ message: `--since wants 90m, 12h, 7d or a date, not "${given}"` })
    }
    const { listCommands } = yield* Effect.promise(() => import("#results/database/read.ts"))
    const { presentList } = yield* Effect.promise(() => import("./results/present.ts"))
    const filter = { command: Option.getOrUndefined(input.command), sinceTs, limit: input.limit }
    const commands = yield* withResults((sql) => listCommands(sql, filter))
    if (input.json) return yield* Console.log(JSON.stringify(commands))
    for (const line of presentList(commands)) yield* Console.log(line)
  }),
).pipe(Command.withDescription("List the commands that were run, the newest first."))

const show = Command.make(
  "show",
  {
    id: Argument.String("id").pipe(
      Argument.withDescription(
        "17 is a command that ran, 17.2 its second run or failure; `netsplit results list` has them",
      ),
    ),
    json: jsonFlag,
  },
  Effect.fnUntraced(function* (input) {
    const { findResult } = yield* Effect.promise(() => import("./results/result-id.ts"))
    const { presentResult } = yield* Effect.promise(() => import("./results/present.ts"))
    const found = yield* withResults((sql) => findResult(sql, input.id))
    if (input.json) return yield* Console.log(JSON.stringify(found))
    const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
    for (const line of presentResult(found, canColor)) yield* Console.log(line)
  }),
).pipe(
  Command.withDescription(
    "Tell everything of one command, or of one run or failure of it: verdicts, reason, trace, machine.",
  ),
)

const compare = Command.make(
  "compare",
  {
    left: Argument.String("left").pipe(Argument.withDescription("The id of one result, as in show")),
    right: Argument.String("right").pipe(Argument.withDescription("The id of the other")),
    json: jsonFlag,
  },
  Effect.fnUntraced(function* ({ left, right, json }) {
    const { findResult } = yield* Effect.promise(() => import("./results/result-id.ts"))
    const { compareResults, presentComparison } = yield* Effect.promise(() => import("./results/compare.ts"))
    const compared = yield* withResults((sql) =>
      Effect.gen(function* () {
        return compareResults(yield* findResult(sql, left), yield* findResult(sql, right))
      }),
    )
    if (json) return yield* Console.log(JSON.stringify(compared))
    for (const line of presentComparison(compared, [left, right])) yield* Console.log(line)
  }),
).pipe(
  Command.withDescription(
    "Put two results beside each other: commits, machines and options that differ; verdicts and traces of the same " +
      "runs; what was measured, and right through left as the ratio.",
  ),
)

const exportTables = Command.make(
  "export",
  {
    table: Flag.Literals("table", tableNames).pipe(
      Flag.withDescription(`Only this one: ${tableNames.join(", ")}`),
      Flag.optional,
    ),
  },
  Effect.fnUntraced(function* (input) {
    const { exportRows } = yield* Effect.promise(() => import("#results/database/read.ts"))
    yield* withResults((sql) =>
      exportRows(sql, Option.getOrUndefined(input.table), (row) => Console.log(JSON.stringify(row))),
    )
  }),
).pipe(
  Command.withDescription(
    "Print every row as a line of JSON that begins with the name of its table; results/database/README.md has the columns.",
  ),
)

/** `netsplit results`: what was run before, and what came of it. */
export const results = Command.make("results").pipe(
  Command.withDescription(
    "Read the results database, which every run, sweep, replay, shrink, resolve, bench and load writes: " +
      "what was run, on which commit and machine, and what came of it. Exit code: 0 told, 64 no such result.",
  ),
  Command.withShortDescription("Read what was run before"),
  Command.withExamples([
    { command: "netsplit results list --command run --since 7d", description: "The runs of a week" },
    { command: "netsplit results export --table samples", description: "All that was measured, as NDJSON" },
  ]),
  Command.withSubcommands([list, show, compare, exportTables]),
)
