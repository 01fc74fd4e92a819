import { Console, Effect } from "effect"
import { Argument, Command } from "effect/cli"
import type { Figure } from "#loadtest/bench/figure.ts"
import { suggestName } from "#sim/explore/nearest-name.ts"
import { benchSim } from "./bench-sim.ts"
import { jsonFlag } from "./json-flag.ts"
import { UsageError } from "./outcome.ts"
import { recorded } from "./recording/recorded.ts"
import { layOutTable } from "./table.ts"

/** By name, what it takes to load and measure each. */
const benches: Readonly<Record<string, Effect.Effect<readonly Figure[]>>> = {
  sign: Effect.promise(async () => (await import("#loadtest/bench/sign.ts")).signFigures()),
  hash: Effect.promise(async () => (await import("#loadtest/bench/hash.ts")).hashFigures()),
  join: Effect.promise(async () => (await import("#loadtest/bench/join.ts")).joinFigures()),
  events: Effect.gen(function* () {
    const { eventsFigures } = yield* Effect.promise(() => import("#loadtest/bench/events.ts"))
    const { layerNative } = yield* Effect.promise(() => import("#spec-impl/homeserver/signatures/native.ts"))
    return yield* Effect.orDie(eventsFigures(layerNative("libsodium")))
  }),
}

const figureRow = ({ name, us, limit, limitUs }: Figure) => ({
  ...{ name, value: us, unit: "µs" },
  details: { limit, limitUs },
})

const rounded = (value: number): string => value.toPrecision(3)

/** `netsplit bench`: each part of the hot path alone, beside its limit, in one run. */
export const bench = Command.make(
  "bench",
  {
    name: Argument.String("name").pipe(Argument.withDescription(Object.keys(benches).join(", "))),
    json: jsonFlag,
  },
  Effect.fnUntraced(function* ({ name, json }) {
    const measure = Object.hasOwn(benches, name) ? benches[name] : undefined
    if (measure === undefined) {
      const suggestion = suggestName(name, Object.keys(benches))
      return yield* new UsageError({ message: `there is no bench "${name}"; ${suggestion}` })
    }
    const figures = yield* recorded({ command: "bench", options: { name } }, (recording) =>
      Effect.tap(measure, (measured) => recording.add("samples", measured.map(figureRow))),
    )
    if (json) return yield* Console.log(JSON.stringify(figures))
    const rows = figures.map(({ name: what, us, limit, limitUs }) => [
      what,
      rounded(us),
      limit,
      rounded(limitUs),
      rounded(us / limitUs),
    ])
    for (const line of layOutTable([["what", "µs", "beside", "µs", "ratio"], ...rows]))
      yield* Console.log(line)
  }),
).pipe(
  Command.withDescription(
    "Measure a part of the hot path beside its limit, both in one run on this machine: take the ratios, not the times. " +
      "sign: signatures; hash: JSON and hashes; join: a room of a thousand members, joined by a second server; " +
      "events: a PDU from the bytes of its transaction to the answer.",
  ),
  Command.withShortDescription("Measure a part of the hot path"),
  Command.withSubcommands([benchSim]),
  Command.withExamples([
    { command: "netsplit bench events", description: "What a PDU costs, in verifications" },
  ]),
)
