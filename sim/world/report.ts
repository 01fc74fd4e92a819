/** What a run comes to, as data: the command line prints it, and `--json` is a part of it. */

export type Verdict = "yes" | "no" | "unknown"

/** Why servers disagree (DESIGN.md, principle 6). */
export type Cause =
  | "missing-events"
  | "different-inputs"
  | "different-verdict-on-event"
  | "different-resolution"

export interface Verdicts {
  /** Honest servers against each other, after healing and one settling message from each. */
  readonly agree: Verdict
  /** Against what the people in the story meant; the same for every room version. */
  readonly wanted: Verdict
  /** Every event that honest tips reach is held everywhere, and no queue is stuck. */
  readonly live: Verdict
}

/** A state key on which servers differ, with what each of them shows there. */
export interface DifferingKey {
  /** `type|state_key`. */
  readonly key: string
  /** By server: a short description of the event, or "—". */
  readonly values: Readonly<Record<string, string>>
}

export interface RunReport extends Verdicts {
  readonly roomVersion: string
  /** Only where `agree` is "no". */
  readonly cause?: Cause
  readonly asExpected: boolean
  readonly expected: Verdicts
  readonly traceHash: string
  readonly steps: number
  readonly virtualMs: number
  readonly wallMs: number
  /** Counts. */
  readonly servers: number
  readonly events: number
  readonly requests: number
  /** By server: `type|state_key` → event id. */
  readonly state: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** One or two sentences. */
  readonly why: string
  /** Short lines, in the order of events. */
  readonly story: readonly string[]
  readonly differing: readonly DifferingKey[]
}

export interface ScenarioReport {
  readonly scenario: string
  readonly seed: number
  readonly transport: "http" | "direct"
  readonly runs: readonly RunReport[]
  /** The command that repeats it. */
  readonly replay: string
}
