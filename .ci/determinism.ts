/**
 * Shows that a run is (commit, scenario or plan, options, seed) → one trace hash: two processes at once, one of them
 * on the other side of the world and with Turkish letters, make the same runs; their traces must be equal. First it
 * shows itself able to find chance that is planted in a handler, and the step at which it was first asked.
 * `node .ci/determinism.ts [FROM TO]`: the seeds of random plans, 1 to 900 unless given, and of stories a ninetieth
 * of them. Exit code 1 on a difference.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { compareTraces, type RunLine, replayOf } from "./determinism/compare-traces.ts"
import type { Job } from "./determinism/job.ts"
import { describeStep, firstDifference, type Step } from "./determinism/steps.ts"
import { root } from "./source-files.ts"

const [from, to] = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1, 900]
if (from === undefined || to === undefined || !(from <= to))
  throw new Error("wants the first and the last seed")

const plansPerStorySeed = 90
/** Chance that strikes each time is seen in one more run or two. */
const stepsTriesMax = 5

/** How both processes are started. */
interface Start {
  readonly line: readonly string[]
  /** What is planted in them, for them to be found out. */
  readonly planted?: string
}

const places = [
  { TZ: "UTC", LC_ALL: "C" },
  { TZ: "Pacific/Auckland", LC_ALL: "tr_TR.UTF-8" },
] as const

/** The lines that a process prints. */
const linesOf = async <A>(start: Start, place: Readonly<Record<string, string>>): Promise<readonly A[]> => {
  const { line, planted } = start
  const plant = planted === undefined ? [] : ["--import", join(root, ".ci/determinism/plant-chance.ts")]
  const child = spawn(process.execPath, [...plant, join(root, ".ci/determinism/process.ts"), ...line], {
    env: { ...process.env, ...place, ...(planted === undefined ? {} : { NETSPLIT_PLANTED: planted }) },
    stdio: ["ignore", "pipe", "inherit"],
  })
  const closed = once(child, "close")
  const lines: A[] = []
  for await (const text of createInterface({ input: child.stdout })) lines.push(JSON.parse(text))
  const [exitCode] = await closed
  if (exitCode !== 0) throw new Error(`a process of the proof ended with ${exitCode}`)
  return lines
}

const inBoth = async <A>(start: Start): Promise<readonly [readonly A[], readonly A[]]> => {
  const [here, there] = places.map((place) => linesOf<A>(start, place))
  return [await here!, await there!]
}

/** What the steps of that run say of it, when it is run once more in both processes. */
const explain = async (
  { problem, ...job }: RunLine,
  planted: string | undefined,
): Promise<readonly string[]> => {
  const { scenario, seed, roomVersion, transport } = job
  const line = ["--steps", JSON.stringify({ scenario, seed, roomVersion, transport } satisfies Job)]
  for (let nth = 0; nth < stepsTriesMax; nth++) {
    const [here, there] = await inBoth<Step>({ line, ...(planted === undefined ? {} : { planted }) })
    const asked = /, at step (\d+)/.exec(problem ?? "")?.[1]
    if (asked !== undefined) return [`  ${describeStep(here, Number(asked))}`, `  ${replayOf(job)}`]
    const step = firstDifference(here, there)
    if (step !== undefined) {
      return [
        `  the first differing step: ${describeStep(here, step)}`,
        `  which the other process has as: ${describeStep(there, step)}`,
        `  ${replayOf(job)}`,
      ]
    }
  }
  return [`  in ${stepsTriesMax} runs more there was no difference`, `  ${replayOf(job)}`]
}

/** All that is found in both processes' runs, as lines for people. */
const prove = async (start: Start) => {
  const [here, there] = await inBoth<RunLine>(start)
  const found: string[] = []
  for (const { what, runs } of compareTraces(here, there)) {
    found.push(what)
    for (const run of runs) found.push(...(await explain(run, start.planted)))
  }
  return { runs: here, found }
}

/** Whether chance that is planted in the handler of transactions is found, and its step named. */
const findsPlanted = async (planted: string): Promise<boolean> => {
  const line = ["--from", "1", "--to", "1", "--story-seeds", "1", "--stories", "lost-promotion-chain"]
  const { found } = await prove({ line, planted })
  const named = found.find((text) =>
    /step \d+, of \S+, .*, which was answering .* PUT \/_matrix\/federation\/v1\/send\//.test(text),
  )
  console.log(`planted, ${planted}: ${found[0] ?? "nothing was found"}`)
  console.log(named ?? "  no step was named")
  return named !== undefined
}

const startedMs = performance.now()
for (const planted of ["Math.random", "behind the guard"]) {
  if (!(await findsPlanted(planted))) process.exitCode = 1
}
const storySeeds = Math.ceil((to - from + 1) / plansPerStorySeed)
const { runs, found } = await prove({
  line: ["--from", String(from), "--to", String(to), "--story-seeds", String(storySeeds), "--again", "10"],
})
for (const text of found) console.error(text)
if (found.length > 0) process.exitCode = 1
else {
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  const pairs = new Set(runs.map(({ scenario, seed }) => `${scenario} ${seed}`)).size
  console.log(
    `${pairs} pairs of scenario or plan and seed, ${runs.length} runs: the same traces in two processes, warm and without memos (${seconds} s)`,
  )
}
