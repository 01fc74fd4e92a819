/** What a scenario is: a story told with small verbs, what its people want, and the verdicts it expects. */
import type { Effect } from "effect"
import type { Event } from "#spec-impl/core/event.ts"
import type { JsonValue } from "#spec-impl/core/json/value.ts"
import type { HomeserverSettings } from "#spec-impl/homeserver/settings.ts"
import type { Verdicts } from "./report.ts"
import type { Stage, StageFailure } from "./stage.ts"
import type { VirtualServer } from "./world.ts"

/** What one server shows when all is over. */
export interface ServerView {
  readonly server: string
  /** The event under that key in the current state: of the story's first room, or of another that it names. */
  readonly state: (type: string, stateKey: string, roomId?: string) => Event | undefined
  /** What was written down under that name in the course of the story (`Stage.note`); undefined where nothing was. */
  readonly noted: (name: string) => JsonValue | undefined
  /** Beyond room state: what the chapters of the homeserver hold. */
  readonly services: VirtualServer["services"]
}

export interface Scenario {
  /** The file's name: a fight, or a story. */
  readonly name: string
  readonly title: string
  /** One paragraph: what happens, and where it was seen. */
  readonly about: string
  readonly serversDefault: number
  /** Names of identity servers beside them. */
  readonly identityServers?: readonly string[]
  readonly roomVersionsDefault: readonly string[]
  /** By room version; stated, never computed from the run. */
  readonly expected: (roomVersion: string) => Verdicts
  /** What is otherwise on one server: the room versions that it knows, how it reads the text. */
  readonly settingsOf?: (server: string) => Partial<HomeserverSettings>
  /** Tells the story and gives the room that it is about, or all such rooms. */
  readonly story: (stage: Stage) => Effect.Effect<string | readonly string[], StageFailure>
  /** What the people in the story meant every server to show; the same for every room version. */
  readonly wanted: (view: ServerView) => boolean
}
