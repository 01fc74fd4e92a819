/** A world that `netsplit bench sim` measures: so many servers in one room, and what happens among them. */
import type { Effect } from "effect"
import type { HomeserverSettings } from "#spec-impl/homeserver/settings.ts"
import type { Kernel } from "../kernel/kernel.ts"
import type { Stage, StageFailure } from "../world/stage.ts"
import type { VirtualServer } from "../world/world.ts"

/** What a world is told on. */
export interface BenchScene {
  readonly kernel: Kernel
  readonly stage: Stage
  /** The boot of each server that is up, or was up last. */
  readonly servers: ReadonlyMap<string, VirtualServer>
  /** Says how far the story has come. */
  readonly progress: (chapter: string, done: number, total: number) => Effect.Effect<void>
}

export interface BenchWorld {
  readonly name: string
  readonly servers: number
  /** What is otherwise than by default. */
  readonly settings?: Partial<HomeserverSettings>
  /** Ends when all is healed and nothing is left to send. Gives the room. */
  readonly story: (scene: BenchScene) => Effect.Effect<string, StageFailure>
}

/** Of the rooms of all worlds. */
export const benchRoomVersion = "12"
