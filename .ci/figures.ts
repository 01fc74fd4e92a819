/**
 * Measures the hot paths, each beside its limit in the same run, and prints the tables of `results/figures/`:
 * `node .ci/figures.ts > results/figures/hot-paths.md`. Figures are for reading; nothing fails by them.
 */
import { existsSync } from "node:fs"
import { performance } from "node:perf_hooks"
import { Effect, Fiber, Queue } from "effect"
import { readCorpus } from "#cli/resolve/corpus.ts"
import { resolveCase } from "#cli/resolve/resolve-case.ts"
import { eventsFigures } from "#loadtest/bench/events.ts"
import type { Figure } from "#loadtest/bench/figure.ts"
import { hashFigures } from "#loadtest/bench/hash.ts"
import { signFigures } from "#loadtest/bench/sign.ts"
import { scenarios } from "#scenarios/index.ts"
import { Kernel } from "#sim/kernel/kernel.ts"
import { runScenario } from "#sim/world/run-scenario.ts"
import { readingsDefault } from "#spec-impl/core/readings.ts"
import { layerNative } from "#spec-impl/homeserver/signatures/native.ts"

const corpora = new URL("../../shared/stateres/corpus/", import.meta.url).pathname

const table = (
  title: string,
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): void => {
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(" | ")} |`
  console.log(`\n## ${title}\n`)
  console.log([line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n"))
}
const rounded = (value: number): string => value.toPrecision(3)

const resolutionFigures = async (): Promise<void> => {
  // From the corpora's README: the prototype's time with interning, warm; ruma 0.18; Synapse.
  const known: Readonly<Record<string, readonly [number, number, number]>> = {
    "medium-v10": [1.5, 5.75, 39.8],
    "large-v11": [35, 87.7, 373],
    "huge-v10": [223, 409, 1227],
    "plchain-v12": [7.4, 53.9, 697],
    "topicwar-v10": [3.2, 2.2, 10.7],
  }
  const rows: (readonly (string | number)[])[] = []
  for (const [name, [prototype, ruma, synapse]] of Object.entries(known)) {
    const [corpusCase] = await readCorpus(`${corpora}${name}.json.gz`)
    const times = Array.from({ length: 15 }, () => resolveCase(corpusCase!, readingsDefault).ms)
    const warm = times.slice(8).sort((a, b) => a - b)[3]!
    rows.push([name, rounded(times[0]!), rounded(warm), rounded(warm / prototype), prototype, ruma, synapse])
  }
  table(
    "State resolution, interning included (ms)",
    ["case", "first", "warm, median of 7", "÷ prototype", "prototype", "ruma 0.18", "Synapse"],
    rows,
  )
}

const benchTable = (title: string, figures: readonly Figure[]): void =>
  table(
    title,
    ["what", "µs", "beside", "µs", "ratio"],
    figures.map(({ name, us, limit, limitUs }) => [
      name,
      rounded(us),
      limit,
      rounded(limitUs),
      rounded(us / limitUs),
    ]),
  )

const messages = 20_000

/** Two fibers that hand a number to and fro, a virtual millisecond at a time. */
const pingPong = Effect.gen(function* () {
  const there = yield* Queue.unbounded<number>()
  const back = yield* Queue.unbounded<number>()
  const echo = Effect.gen(function* () {
    for (let count = 0; count < messages; count++) {
      const number = yield* Queue.take(there)
      yield* Effect.sleep(1)
      yield* Queue.offer(back, number)
    }
  })
  const fiber = yield* Effect.forkChild(echo)
  for (let count = 0; count < messages; count++) {
    yield* Queue.offer(there, count)
    yield* Queue.take(back)
  }
  yield* Fiber.join(fiber)
})

const kernelFigures = async (): Promise<void> => {
  const rows: (readonly (string | number)[])[] = []
  for (const [name, shuffle, preemption] of [
    ["warm-up", true, 0.1],
    ["first in, first out", false, 0],
    ["shuffled", true, 0],
    ["shuffled, preempted at 0.1", true, 0.1],
  ] as const) {
    const start = performance.now()
    const kernel = Kernel.make({ seed: 1, shuffle, preemption })
    await kernel.run(pingPong)
    const seconds = (performance.now() - start) / 1000
    if (name !== "warm-up") {
      rows.push([name, Math.round((2 * messages) / seconds), Math.round(kernel.trace.steps / seconds)])
    }
  }
  table("The kernel", ["order", "messages/s", "steps/s"], rows)
}

const scenarioFigures = async (): Promise<void> => {
  const rows: (readonly (string | number)[])[] = []
  for (const scenario of scenarios) {
    const reports = []
    for (let seed = 1; seed <= 8; seed++) {
      const { runs } = await runScenario(scenario, { seed, roomVersions: ["12"], transport: "http" })
      reports.push(...runs)
    }
    const { wallMs, requests, steps, virtualMs } = reports.toSorted((a, b) => a.wallMs - b.wallMs)[3]!
    rows.push([scenario.name, wallMs, requests, rounded((wallMs * 1000) / requests), steps, virtualMs])
  }
  table(
    "Scenarios in room 12 (median of 8 seeds)",
    ["scenario", "wall ms", "requests", "µs a request", "steps", "virtual ms"],
    rows,
  )
}

console.log("# Hot paths\n")
console.log("Printed by `node .ci/figures.ts`, all in one run on one 2-core machine: take the ratios.")
if (existsSync(corpora)) await resolutionFigures()
benchTable("Signatures of 600 bytes: `netsplit bench sign`", signFigures())
benchTable("A message of 704 bytes: `netsplit bench hash`", hashFigures())
benchTable(
  "A PDU in memory: `netsplit bench events`",
  await Effect.runPromise(eventsFigures(layerNative("libsodium"))),
)
await kernelFigures()
await scenarioFigures()
