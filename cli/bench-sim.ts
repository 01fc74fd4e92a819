import { writeSync } from "node:fs"
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import type { SimFigure } from "#sim/bench/run-bench-world.ts"
import { jsonFlag } from "./json-flag.ts"
import { NotAsExpected } from "./outcome.ts"
import { recorded } from "./recording/recorded.ts"
import { layOutTable } from "./table.ts"

const names = ["day", "hundred", "thousand"] as const
/** The thousand takes ten minutes, and 3.5 GiB. */
const namesDefault = ["day", "hundred"]

const parameters = {
  only: Flag.Literals("only", names).pipe(
    Flag.withDescription("One world: a fresh process tells its memory best. Unless given: day and hundred"),
    Flag.optional,
  ),
  transport: Flag.Literals("transport", ["http", "direct"]).pipe(
    Flag.withDescription("Whole requests as bytes (http), or typed calls, for speed (direct)"),
    Flag.withDefault("direct"),
  ),
  json: jsonFlag,
}

/** One line of stderr, written at once: within a simulation nothing may be put off. */
const showProgress = (world: string) => (chapter: string, done: number, total: number) => {
  if (process.stderr.isTTY) writeSync(2, `\r\u001b[K${world}: ${chapter} ${done}/${total}`)
}

const endProgress = Effect.sync(() => {
  if (process.stderr.isTTY) writeSync(2, "\r\u001b[K")
})

/** `netsplit bench sim`: how long whole worlds take, and how much memory. */
export const benchSim = Command.make(
  "sim",
  parameters,
  Effect.fnUntraced(function* ({ only, transport, json }) {
    const { benchWorlds } = yield* Effect.promise(() => import("#sim/bench/worlds.ts"))
    const { runBenchWorld } = yield* Effect.promise(() => import("#sim/bench/run-bench-world.ts"))
    const wanted: readonly string[] = Option.isNone(only) ? namesDefault : [only.value]
    const worlds = benchWorlds.filter(({ name }) => wanted.includes(name))
    const figures = yield* recorded({ command: "bench", options: { name: "sim", transport } }, (recording) =>
      Effect.forEach(worlds, (world) =>
        Effect.promise(() => runBenchWorld(world, { transport, onProgress: showProgress(world.name) })).pipe(
          Effect.ensuring(endProgress),
          Effect.tap((figure) => recording.add("samples", [sampleOf(figure)])),
        ),
      ),
    )
    if (json) yield* Console.log(JSON.stringify(figures))
    else yield* present(figures)
    if (figures.some(({ agree }) => !agree)) return yield* new NotAsExpected({ exitCode: 1 })
  }),
).pipe(
  Command.withDescription(
    "Measure whole worlds. day: a day of 10 servers, with 14,400 events, a netsplit of six hours and faults of many kinds; " +
      "hundred and thousand: so many servers in one room, which falls into three parts and heals. " +
      "All end healed. The thousand runs only when it is asked for: it takes some ten minutes, and 3.5 GiB. " +
      "Exit code: 0 all servers agree, 1 they do not, 64 wrong usage.",
  ),
  Command.withShortDescription("Measure whole simulated worlds"),
)

const sampleOf = ({ name, wallMs, ...details }: SimFigure) => ({
  name: `sim ${name}`,
  value: wallMs,
  unit: "ms",
  details,
})

const present = Effect.fnUntraced(function* (figures: readonly SimFigure[]) {
  const rows = figures.map((figure) => [
    figure.name,
    String(figure.servers),
    (figure.wallMs / 1_000).toFixed(1),
    (figure.virtualMs / 1_000).toFixed(0),
    String(figure.events),
    perSecond(figure.events, figure.wallMs),
    String(figure.requests),
    perSecond(figure.requests, figure.wallMs),
    String(figure.rssMiB),
    (figure.bytesPerServer / 1_048_576).toFixed(2),
    figure.agree ? "yes" : "no",
  ])
  const head = [
    "world",
    "servers",
    "wall s",
    "virtual s",
    "events",
    "events/s",
    "requests",
    "requests/s",
    "MiB",
  ]
  for (const line of layOutTable([[...head, "MiB/server", "agree"], ...rows])) yield* Console.log(line)
  for (const { name, why } of figures) if (why !== null) yield* Console.log(`${name}: ${why}`)
})

const perSecond = (count: number, wallMs: number): string => ((count * 1_000) / wallMs).toFixed(0)
