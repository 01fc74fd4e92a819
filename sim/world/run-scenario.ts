/** Runs a scenario in virtual time: the story, the healing, one settling message from each server, the verdicts. */
import { Effect, Exit, Scope } from "effect"
import type { Event } from "#spec-impl/core/event.ts"
import { ResolutionMemo } from "#spec-impl/core/state-resolution/resolution-memo.ts"
import { resolve } from "#spec-impl/core/state-resolution/resolve.ts"
import { type Readings, readingsDefault } from "#spec-impl/core/readings.ts"
import { Kernel } from "../kernel/kernel.ts"
import { Network } from "../network/network.ts"
import { judge } from "./judge.ts"
import { makeStage, untilQuiet } from "./make-stage.ts"
import type { RunReport, ScenarioReport } from "./report.ts"
import type { Scenario } from "./scenario.ts"
import { sharedSignatures } from "./shared-results.ts"
import { bootServer, type VirtualServer } from "./world.ts"

export interface RunOptions {
  readonly seed: number
  readonly roomVersions: readonly string[]
  readonly servers?: number
  readonly transport: "http"
  /** Stops after that step. */
  readonly until?: number
  /** Ids of entries of the story to leave out. */
  readonly omit?: readonly string[]
  readonly readings?: Partial<Readings>
  /** Whether virtual servers share the results of pure functions; the trace is the same either way. */
  readonly memo?: boolean
}

/** What `memo` saved: for tests, and for the curious. */
export interface MemoHits {
  readonly signatures: number
  readonly resolutions: number
}
