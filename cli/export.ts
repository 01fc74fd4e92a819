import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { writeCaseTest } from "./export/case-test-file.ts"
import { runCase } from "./export/run-case.ts"
import { writeText } from "./export/write-text.ts"
import { givenCase } from "./given-case.ts"
import { UsageError } from "./outcome.ts"

const parameters = {
  given: Argument.String("case").pipe(
    Argument.withDescription(
      "A case that a sweep or a shrink wrote, a plan, or the id of a result: 17, or 17.2 of several",
    ),
  ),
  to: Flag.Literals("to", ["tardis", "ndjson", "test"]).pipe(
    Flag.withDescription(
      "A scenario of TARDIS (JSON5); whole events and state sets, one a line; or a test of this repository",
    ),
  ),
  server: Flag.String("server").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription("As that server sees the room; the first that the failure names unless given"),
    Flag.optional,
  ),
  room: Flag.String("room").pipe(
    Flag.withMetavar("ID"),
    Flag.withDescription("Which room, where there are several; that of the failure unless given"),
    Flag.optional,
  ),
  out: Flag.String("out").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Where to write it; stdout unless given, of a test scenarios/cases/NAME.test.ts"),
    Flag.optional,
  ),
  holds: Flag.Boolean("holds").pipe(
    Flag.withDescription("Of a test: that the failure is there no more, not that it is"),
    Flag.withDefault(false),
  ),
}

const titleOf = ({ check, shape, why }: { check: string; shape: string | null; why: string }): string =>
  `${check}${shape === null ? "" : ` (${shape})`}: ${why}`

/** `netsplit export`: a case in the form that other tools read. */
export const exportCase = Command.make(
  "export",
  parameters,
  Effect.fnUntraced(function* ({ given, to, server, room, out, holds }) {
    const { found, file } = yield* givenCase(given)
    const path = Option.getOrUndefined(out)
    if (to === "test") return yield* Console.log(yield* writeCaseTest(found, { file, out: path, holds }))
    if (holds)
      return yield* new UsageError({ message: "--holds is of tests: add --to test, or leave it out" })
    const { copyRoom } = yield* Effect.promise(() => import("#sim/explore/export/room-copy.ts"))
    const { failure, copy } = yield* runCase(found, (servers, failure) =>
      copyRoom(servers, {
        failure,
        ...(Option.isSome(server) && { server: server.value }),
        ...(Option.isSome(room) && { roomId: room.value }),
      }),
    )
    if (typeof copy === "string") return yield* new UsageError({ message: copy })
    const { tardisScenario } = yield* Effect.promise(() => import("#sim/explore/export/tardis.ts"))
    const { ndjson } = yield* Effect.promise(() => import("#sim/explore/export/ndjson.ts"))
    const title = failure === undefined ? "No check failed." : titleOf(failure)
    const text = to === "tardis" ? tardisScenario(copy, title) : ndjson(copy)
    if (path === undefined) return yield* Console.log(text.trimEnd())
    yield* writeText(path, text)
  }),
).pipe(
  Command.withDescription(
    "Write a case in the form that other tools read, after running it once more: for TARDIS, the debugger of room " +
      "DAGs; as whole events and state sets, one a line, which `netsplit resolve` reads; or as a test of this repository. " +
      "Exit code: 0 done, 64 wrong usage.",
  ),
  Command.withShortDescription("Write a case for other tools"),
  Command.withExamples([
    {
      command: "netsplit export case.json --to tardis --out case.json5",
      description: "To be opened in TARDIS",
    },
    { command: "netsplit export case.json --to test", description: "A regression test, in one command" },
  ]),
)
