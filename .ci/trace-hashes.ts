/**
 * One process of the proof of determinism: runs the scenarios over seeds, and prints for each run one line of
 * JSON, a RunLine. `node .ci/trace-hashes.ts FROM TO` with the seeds that it takes, both included.
 */
import { scenarios } from "#scenarios/index.ts"
import { runScenario } from "#sim/world/run-scenario.ts"
import type { RunLine } from "./compare-traces.ts"

/** The stories whose traces are compared. */
const names: readonly string[] = ["phantom-join-rules", "netsplit-and-heal", "lost-promotion-chain"]

const [from, to] = process.argv.slice(2).map(Number)
if (from === undefined || to === undefined || !(from <= to))
  throw new Error("wants the first and the last seed")

const stories = names.map((name) => {
  const story = scenarios.find((scenario) => scenario.name === name)
  if (story === undefined) throw new Error(`there is no scenario ${name}`)
  return story
})

const print = (line: RunLine) => console.log(JSON.stringify(line))

const runAll = async (seed: number, way: RunLine["way"]) => {
  for (const story of stories) {
    const report = await runScenario(story, {
      seed,
      roomVersions: story.roomVersionsDefault,
      transport: "http",
      ...(way === "without-memos" && { memo: false }),
    })
    for (const { roomVersion, traceHash } of report.runs) {
      print({ scenario: story.name, seed, roomVersion, way, traceHash })
    }
  }
}

for (let seed = from; seed <= to; seed++) await runAll(seed, "first")
// The process is warm now: what it has computed and cached must not show in a trace.
await runAll(from, "again")
await runAll(from, "without-memos")
