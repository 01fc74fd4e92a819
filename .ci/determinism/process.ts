/**
 * One process of the proof of determinism. It makes the runs of a range, and prints for each one line of JSON, a
 * RunLine; or one run, with `--steps JOB`, and prints its steps.
 */
import { parseArgs } from "node:util"
import type { RunLine } from "./compare-traces.ts"
import { type Job, jobsOf, runJob } from "./job.ts"
import { SteppedTrace } from "./steps.ts"

const { values } = parseArgs({
  options: {
    from: { type: "string", default: "1" },
    to: { type: "string", default: "1" },
    "story-seeds": { type: "string", default: "0" },
    stories: { type: "string", default: "" },
    /** So many of the first plans, and the first seed of each story, are run twice more. */
    again: { type: "string", default: "0" },
    steps: { type: "string" },
  },
})

const print = async (job: Job, way: RunLine["way"]): Promise<void> => {
  const line: RunLine = { ...job, way, ...(await runJob(job, { memo: way !== "without-memos" })) }
  console.log(JSON.stringify(line))
}

const runRange = async (): Promise<void> => {
  const range = {
    from: Number(values.from),
    to: Number(values.to),
    storySeeds: Number(values["story-seeds"]),
    stories: values.stories.split(",").filter((name) => name !== ""),
  }
  for (const job of jobsOf(range)) await print(job, "first")
  // The process is warm now: what it has computed and cached must not show in a trace.
  const plansAgain = Number(values.again)
  if (plansAgain === 0) return
  const again = jobsOf({
    ...range,
    to: range.from + plansAgain - 1,
    storySeeds: Math.min(1, range.storySeeds),
  })
  for (const way of ["again", "without-memos"] as const) {
    for (const job of again) if (job.transport === "direct") await print(job, way)
  }
}

if (values.steps === undefined) await runRange()
else {
  const trace = new SteppedTrace()
  await runJob(JSON.parse(values.steps), { trace })
  for (const step of trace.kept) console.log(JSON.stringify(step))
}
