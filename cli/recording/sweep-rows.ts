/** Keeps a sweep in the results database while it runs. */
import { Effect } from "effect"
import { loadCase } from "../sweep/case-files.ts"
import type { FoundFailure, SweepState } from "../sweep/run-sweep.ts"
import { type SeedRange, showSeeds } from "../sweep/seed-ranges.ts"
import { caseRow } from "./case-row.ts"
import type { Recording, Rows } from "./recorded.ts"

const failureRow = (sweep_id: number, failure: FoundFailure) => ({
  sweep_id,
  seed: failure.seed,
  room_version: failure.roomVersions.join(","),
  check: failure.check,
  why: failure.why,
  replay: `./netsplit replay ${failure.caseFile}`,
  ...(failure.shape === null ? {} : { shape: failure.shape }),
})

const caseRows = Effect.fnUntraced(function* (failure_id: number, { caseFile, events }: FoundFailure) {
  const found = yield* Effect.orDie(loadCase(caseFile))
  return "plan" in found ? [{ failure_id, ...caseRow(found, events, caseFile) }] : []
})

/**
 * What keeps the state of a sweep: its row is made the first time and changed from then on, and failures are added as
 * they come. Each time all or nothing is written, so that what a killed sweep leaves fits together; what could not be
 * written is tried again the next time.
 */
export const sweepKeeper = (recording: Recording, scenario: string, seeds: readonly SeedRange[]) => {
  let row: number | undefined
  let failuresKept = 0
  const goalsKept = new Map<string, { readonly id: number; readonly count: number }>()

  const writeGoals = Effect.fnUntraced(function* (rows: Rows, sweep_id: number, { goals }: SweepState) {
    const written: [goal: string, id: number, count: number][] = []
    for (const [goal, count] of Object.entries(goals)) {
      const kept = goalsKept.get(goal)
      if (kept?.count === count) continue
      if (kept !== undefined) yield* rows.change("goals", kept.id, { count })
      const id = kept?.id ?? (yield* rows.add("goals", [{ sweep_id, goal, count }]))[0]!
      written.push([goal, id, count])
    }
    return written
  })

  return (state: SweepState): Effect.Effect<void> =>
    Effect.uninterruptible(
      Effect.gen(function* () {
        const isDone = state.left.length === 0
        const progress = {
          seeds_run: state.seedsRun,
          seeds_left: isDone ? undefined : showSeeds(state.left),
        }
        const failures = state.failures.slice(failuresKept)
        const kept = yield* recording.write(
          Effect.fnUntraced(function* (rows) {
            if (row !== undefined) yield* rows.change("sweeps", row, progress)
            const bounds = { first_seed: seeds[0]![0], last_seed: seeds.at(-1)![1] }
            const id = row ?? (yield* rows.add("sweeps", [{ scenario, ...bounds, ...progress }]))[0]!
            const ids = yield* rows.add(
              "failures",
              failures.map((failure) => failureRow(id, failure)),
            )
            for (const [at, failure] of failures.entries()) {
              yield* rows.add("cases", yield* caseRows(ids[at]!, failure))
            }
            return { id, goals: yield* writeGoals(rows, id, state) }
          }),
        )
        if (kept === undefined) return
        row = kept.id
        failuresKept += failures.length
        for (const [goal, id, count] of kept.goals) goalsKept.set(goal, { id, count })
      }),
    )
}
