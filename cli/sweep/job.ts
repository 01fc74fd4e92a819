/** What a sweep is told to do, and what its workers tell of each seed: data that goes from thread to thread. */
import type { Case } from "#sim/explore/case.ts"

export interface SweepJob {
  /** A scenario's name; a random plan for each seed where it is undefined. */
  readonly scenario: string | undefined
  readonly roomVersions: readonly string[] | undefined
  readonly transport: "http" | "direct"
  readonly hostile: boolean
  /** Those of random plans; drawn where it is undefined. */
  readonly faults: readonly string[] | undefined
  /** What one server of each random plan is. */
  readonly mutant: string | undefined
}

/** What a thread is asked for. */
export interface SeedTask {
  readonly job: SweepJob
  readonly seed: number
}

/** What one seed came to. */
export interface SeedResult {
  readonly seed: number
  readonly cases: readonly Case[]
  /** How many events its run had; 0 where that was not counted. */
  readonly events: number
  readonly goals: Readonly<Record<string, number>>
}

export interface SweepFailure {
  readonly seed: number
  readonly check: string
  readonly why: string
  readonly shape: string | null
  readonly caseFile: string
}

/** What a sweep comes to: the keys are the contract of `--json`. */
export interface SweepSummary {
  readonly seedsRun: number
  readonly seconds: number
  readonly failures: readonly SweepFailure[]
  readonly goals: Readonly<Record<string, number>>
}
