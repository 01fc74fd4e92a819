import { Console, Effect, FileSystem } from "effect"
import { Command, Flag } from "effect/cli"
import { readingDefinitions } from "#spec-impl/core/readings.ts"
import { NotAsExpected, UsageError } from "./outcome.ts"
import { recorded } from "./recording/recorded.ts"

const readingNames = readingDefinitions.map(({ name }) => name).join(", ")

const requireFile = Effect.fnUntraced(function* (path: string) {
  const files = yield* FileSystem.FileSystem
  const information = yield* files
    .stat(path)
    .pipe(Effect.mapError(() => new UsageError({ message: `cannot read "${path}": no such file` })))
  if (information.type === "Directory") {
    return yield* new UsageError({ message: `"${path}" is a directory: name the files in it` })
  }
})

const sampleOf = (line: string) => {
  const { name, ms, ...details } = JSON.parse(line)
  return { name, value: ms, unit: "ms", details }
}

/** `netsplit resolve`: resolves every case of a corpus, and says which differ from what is expected. */
export const resolve = Command.make(
  "resolve",
  {
    corpora: Flag.String("corpus").pipe(
      Flag.withMetavar("FILE…"),
      Flag.withDescription("Cases to resolve: .json or .json.gz"),
      Flag.atLeast(1),
    ),
    expected: Flag.String("expected").pipe(
      Flag.withMetavar("FILE…"),
      Flag.withDescription("What should come out; exit code 1 where a case differs"),
      Flag.atLeast(0),
    ),
    readings: Flag.String("reading").pipe(
      Flag.withMetavar("NAME=VALUE…"),
      Flag.withDescription(`Where real servers read the spec differently: ${readingNames}`),
      Flag.atLeast(0),
    ),
  },
  Effect.fnUntraced(function* (input) {
    for (const path of [...input.corpora, ...input.expected]) yield* requireFile(path)
    const { parseReadings } = yield* Effect.promise(() => import("./resolve/parse-readings.ts"))
    const { resolveCorpora } = yield* Effect.promise(() => import("./resolve/resolve-corpora.ts"))
    const readings = yield* Effect.try({
      try: () => parseReadings(input.readings),
      catch: (error) => new UsageError({ message: error instanceof Error ? error.message : String(error) }),
    })
    const print = yield* Console.Console
    const { BadCorpus } = yield* Effect.promise(() => import("./resolve/corpus.ts"))
    const lines: string[] = []
    const write = (line: string): void => {
      lines.push(line)
      print.log(line)
    }
    const { corpora, expected } = input
    yield* recorded(
      { command: "resolve", options: { corpora, expected, readings } },
      Effect.fnUntraced(function* (recording) {
        const { differing } = yield* Effect.tryPromise(() =>
          resolveCorpora({ corpora, expected, readings, write }),
        ).pipe(
          Effect.catch(({ cause }) =>
            cause instanceof BadCorpus
              ? Effect.fail(new UsageError({ message: cause.message }))
              : Effect.die(cause),
          ),
          Effect.ensuring(Effect.suspend(() => recording.add("samples", lines.map(sampleOf)))),
        )
        if (differing.length === 0) return
        yield* Console.error(
          `netsplit: ${differing.length} differ from what is expected: ${differing.join(", ")}`,
        )
        return yield* new NotAsExpected({ exitCode: 1 })
      }),
    )
  }),
).pipe(
  Command.withDescription(
    "Resolve every case of a corpus; print one JSON line for each: name, roomVersion, count, sha256, ms. " +
      "Exit code: 0 done, 1 some case differs from what is expected, 64 wrong usage.",
  ),
  Command.withShortDescription("Resolve the cases of a corpus"),
  Command.withExamples([
    {
      command: "netsplit resolve --corpus a.json.gz b.json.gz --expected a.expected.json",
      description: "Two corpora, one of them compared",
    },
  ]),
)
