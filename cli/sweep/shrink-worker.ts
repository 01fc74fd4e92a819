/** One thread that shrinks: says of each plan how it fails. */
import { parentPort } from "node:worker_threads"
import type { Plan } from "#sim/explore/plan.ts"
import { reasonOf } from "#sim/explore/reason.ts"
import { type Failure, runPlan } from "#sim/explore/run-plan.ts"
import type { Transport } from "#sim/world/world.ts"

export interface Trial {
  readonly plan: Plan
  readonly transport: Transport
  readonly stepsMax?: number
  /** All that is asked, where it is known. */
  readonly lookFor?: { readonly check: string; readonly reason: string }
}

/** What a plan comes to. */
export interface Tried {
  readonly failures: readonly {
    readonly check: string
    readonly reason: string
    readonly why: string
    readonly shape: string | null
  }[]
  readonly events: number
  readonly steps: number
  /** Entries that were refused or never begun. */
  readonly idle: readonly string[]
}

parentPort?.on("message", async ({ plan, transport, stepsMax, lookFor }: Trial) => {
  const run = await runPlan(plan, {
    transport,
    ...(stepsMax === undefined ? {} : { stepsMax }),
    ...(lookFor === undefined
      ? {}
      : {
          lookFor: {
            check: lookFor.check,
            isIt: (failure: Failure): boolean => reasonOf(failure) === lookFor.reason,
          },
        }),
  })
  const tried: Tried = {
    failures: run.failures.map((failure) => ({
      check: failure.check,
      reason: reasonOf(failure),
      why: failure.why,
      shape: failure.shape,
    })),
    events: run.storyEvents,
    steps: run.steps,
    idle: plan.entries
      .map(({ id }) => id)
      .filter((id) => (run.outcomes.get(id) ?? "refused").startsWith("refused")),
  }
  parentPort?.postMessage(tried)
})
