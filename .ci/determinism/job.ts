/** The runs of the proof of determinism, and how one of them is run. */
import { scenarios } from "#scenarios/index.ts"
import { makePlan } from "#sim/explore/make-plan.ts"
import { runPlan } from "#sim/explore/run-plan.ts"
import type { Trace } from "#sim/kernel/trace.ts"
import { BrokenRun, runScenario } from "#sim/world/run-scenario.ts"
import type { Transport } from "#sim/world/world.ts"

/** One run: of a story, or of a random plan. */
export interface Job {
  /** The story's name, or `random`. */
  readonly scenario: string
  readonly seed: number
  readonly roomVersion: string
  readonly transport: Transport
}

/** What a run comes to. */
export interface JobResult {
  readonly traceHash: string
  /** That the world outside was asked for time, chance or order, or that the story broke off: in one line. */
  readonly problem?: string
}

export interface JobOptions {
  /** Whether servers share the results of pure functions. */
  readonly memo?: boolean
  readonly trace?: Trace
}

/** Which runs a process makes. */
export interface Range {
  /** The seeds of random plans, both included; those of stories begin there, too. */
  readonly from: number
  readonly to: number
  /** How many seeds each story takes. */
  readonly storySeeds: number
  /** The stories, all where none is named. */
  readonly stories: readonly string[]
}

/** Each story takes so many of its seeds as bytes, which costs the more; all of them by typed calls. */
const httpStorySeeds = 4
/** Every so many random plans one runs as bytes, too. */
const httpPlanEvery = 10

/** Room versions are mixed within a plan. */
const ofPlan = (seed: number, transport: Transport): Job => ({
  scenario: "random",
  seed,
  roomVersion: "all",
  transport,
})

/** The runs of that range: random plans, then stories, each in the room versions that it is told in. */
export const jobsOf = ({ from, to, storySeeds, stories }: Range): readonly Job[] => {
  const seeds = Array.from({ length: to - from + 1 }, (_, at) => from + at)
  const told = stories.length === 0 ? scenarios : scenarios.filter(({ name }) => stories.includes(name))
  if (told.length < stories.length)
    throw new Error(`there are not all of these stories: ${stories.join(", ")}`)
  return [
    ...seeds.flatMap((seed, at) => [
      ofPlan(seed, "direct"),
      ...(at % httpPlanEvery === 0 ? [ofPlan(seed, "http")] : []),
    ]),
    ...told.flatMap(({ name, roomVersionsDefault }) =>
      Array.from({ length: storySeeds }, (_, at) => at).flatMap((at) =>
        roomVersionsDefault.flatMap((roomVersion): readonly Job[] => {
          const story = { scenario: name, seed: from + at, roomVersion }
          const asBytes = { ...story, transport: "http" } as const
          return [{ ...story, transport: "direct" }, ...(at < httpStorySeeds ? [asBytes] : [])]
        }),
      ),
    ),
  ]
}

/** Of two plans one may have servers that sign what the rules forbid. */
export const isHostile = (seed: number): boolean => seed % 2 === 0

/** Runs it. */
export const runJob = (job: Job, options: JobOptions = {}): Promise<JobResult> =>
  job.scenario === "random" ? runRandom(job, options) : runStory(job, options)

const runRandom = async ({ seed, transport }: Job, options: JobOptions): Promise<JobResult> => {
  const plan = makePlan(seed, { hostile: isHostile(seed) })
  const { traceHash, failures } = await runPlan(plan, { transport, ...options })
  const found = failures.find(({ check }) => check === "determinism")
  return { traceHash, ...(found === undefined ? {} : { problem: found.why }) }
}

const runStory = async (job: Job, options: JobOptions): Promise<JobResult> => {
  const { scenario: name, seed, roomVersion, transport } = job
  const scenario = scenarios.find((story) => story.name === name)
  if (scenario === undefined) throw new Error(`there is no story ${name}`)
  try {
    const report = await runScenario(scenario, { seed, roomVersions: [roomVersion], transport, ...options })
    return { traceHash: report.runs[0]!.traceHash }
  } catch (error) {
    if (!(error instanceof BrokenRun)) throw error
    return { traceHash: `none of ${JSON.stringify(job)}`, problem: error.message.split("\n")[0]! }
  }
}
