/** What a scenario is: a story told with small verbs, what its people want, and the verdicts it expects. */
import type { Effect } from "effect"
import type { Event } from "#spec-impl/core/event.ts"
import type { Verdicts } from "./report.ts"
import type { Stage, StageFailure } from "./stage.ts"

/** The room as one server shows it when all is over. */
export interface ServerView {
  readonly server: string
  /** The event of the current state under that key. */
  readonly state: (type: string, stateKey: string) => Event | undefined
}

export interface Scenario {
  /** The file's name: a fight, or a story. */
  readonly name: string
  readonly title: string
  /** One paragraph: what happens, and where it was seen. */
  readonly about: string
  readonly serversDefault: number
  readonly roomVersionsDefault: readonly string[]
  /** By room version; stated, never computed from the run. */
  readonly expected: (roomVersion: string) => Verdicts
  /** Tells the story and gives the room that it is about. */
  readonly story: (stage: Stage) => Effect.Effect<string, StageFailure>
  /** What the people in the story meant every server to show; the same for every room version. */
  readonly wanted: (view: ServerView) => boolean
}
