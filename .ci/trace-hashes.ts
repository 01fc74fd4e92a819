/**
 * One process of the proof of determinism: runs the scenarios over seeds, and prints for each run one line of
 * JSON, a RunLine. `node .ci/trace-hashes.ts FROM TO` with the seeds that it takes, both included.
 */
import { scenarios } from "#scenarios/index.ts"
import { makePlan } from "#sim/explore/make-plan.ts"
import { runPlan } from "#sim/explore/run-plan.ts"
import { runScenario } from "#sim/world/run-scenario.ts"
import type { Scenario } from "#sim/world/scenario.ts"
import type { RunLine } from "./compare-traces.ts"

/** So many random plans for each seed, on typed calls, hostile servers included: cheap, and of all chapters. */
const plansPerSeed = 2

/** The stories that take every seed. */
const names: readonly string[] = ["phantom-join-rules", "netsplit-and-heal", "lost-promotion-chain"]
/** So many of the first seeds are for all others too: each is a chapter of the protocol, and takes longer. */
const seedsOfOthers = 3

const [from, to] = process.argv.slice(2).map(Number)
if (from === undefined || to === undefined || !(from <= to))
  throw new Error("wants the first and the last seed")

const isForEverySeed = ({ name }: Scenario): boolean => names.includes(name)
if (scenarios.filter(isForEverySeed).length !== names.length) throw new Error("a story has another name now")

const runPlans = async (seed: number, way: RunLine["way"]) => {
  for (let nth = 0; nth < plansPerSeed; nth++) {
    const planSeed = seed * plansPerSeed + nth
    const memo = way !== "without-memos"
    const { traceHash } = await runPlan(makePlan(planSeed, { hostile: true }), { transport: "direct", memo })
    print({ scenario: "random", seed: planSeed, roomVersion: "all", way, traceHash })
  }
}

const print = (line: RunLine) => console.log(JSON.stringify(line))

const runAll = async (seed: number, way: RunLine["way"]) => {
  await runPlans(seed, way)
  for (const story of scenarios) {
    if (!isForEverySeed(story) && seed >= from + seedsOfOthers) continue
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
