/**
 * What an action of a plan is: a plain JSON value, which says who does what, and a definition, which says how a user
 * does that and how one is drawn. What the rules forbid is refused, as it would be in life, and the plan goes on.
 */
import { Data, type Effect, Schema } from "effect"
import type { Event } from "#spec-impl/core/event.ts"
import type { Draws } from "../../faults/fault.ts"
import type { Actor, Stage, StageFailure } from "../../world/stage.ts"
import type { VirtualServer } from "../../world/world.ts"

/** An action that nobody could have begun: its room or its event is not there. */
export class OutOfReach extends Data.TaggedError("OutOfReach")<{ readonly message: string }> {}

/** Who acts, and what there is to act on. */
export interface Acting {
  readonly stage: Stage
  /** The entry of the plan. */
  readonly entryId: string
  readonly user: Actor
  /** As it is up now. */
  readonly server: VirtualServer
  /** The id of a room that the plan calls so. */
  readonly roomId: (name: string) => Effect.Effect<string, OutOfReach>
  /** From now on the plan's name for a room. */
  readonly nameRoom: (name: string, roomId: string) => void
  /** What that entry of the plan made; the last, where it made several. */
  readonly eventOf: (entryId: string) => Effect.Effect<Event, OutOfReach>
  /** An event of this entry that the server has acknowledged. */
  readonly made: (event: Event) => void
  /** A one-time key that somebody was given; of which it is told here, it may be given to nobody else. */
  readonly claimed: (key: string) => void
  /**
   * A message to a device of that user, or to all (`*`), that is about to be sent; what is given is called once the server
   * has taken it. Devices that are added meanwhile may come too late for it.
   */
  readonly sendingToDevice: (target: string, device: string) => () => void
  /** A device that is not to be any more. */
  readonly loggedOut: (device: string) => void
}

/** What a plan is drawn from. */
export interface Cast {
  readonly draws: Draws
  readonly servers: readonly string[]
  readonly users: readonly string[]
  /** By the plan's names. */
  readonly rooms: readonly string[]
  /** The room versions that new rooms may have. */
  readonly roomVersions: readonly string[]
  /** Entries before this one that make events, oldest first. */
  readonly earlier: readonly { readonly id: string; readonly room: string }[]
  /** How much a burst of messages may hold. */
  readonly burstMax: number
  /** The part of the users who have power in a room from the start. */
  readonly levelsShare: number
}

type Fields = Schema.Struct.Fields

/** All actions are somebody's. */
type ActionSchema<Name extends string, F extends Fields> = Schema.Struct<
  { readonly act: Schema.Literal<Name>; readonly user: typeof Schema.String } & F
>

export interface ActionDefinition<Name extends string = string, F extends Fields = Fields> {
  readonly name: Name
  /** What it is in the client-server API, for people. */
  readonly about: string
  readonly schema: ActionSchema<Name, F>
  /** Whether it makes an event, which later entries may name. */
  readonly makesEvent: boolean
  /** How often it is drawn, beside the others. */
  readonly weight: number
  /** One for a random plan; undefined where there is nothing to do it to. */
  readonly draw: (cast: Cast) => Omit<ActionSchema<Name, F>["Encoded"], "user" | "act"> | undefined
  readonly perform: (
    acting: Acting,
    action: ActionSchema<Name, F>["Type"],
  ) => Effect.Effect<void, StageFailure | OutOfReach>
}

/** An action of that definition, as it stands in a file. */
export type WrittenAction<D extends { readonly schema: Schema.Constraint }> = D["schema"]["Encoded"]

export const defineAction = <const Name extends string, F extends Fields>(
  said: Omit<ActionDefinition<Name, F>, "schema" | "makesEvent"> & {
    readonly fields: F
    readonly makesEvent?: boolean
  },
): ActionDefinition<Name, F> => {
  const { fields, ...rest } = said
  return {
    makesEvent: true,
    ...rest,
    schema: Schema.Struct({
      act: Schema.Literal(said.name),
      user: Schema.String,
      ...fields,
    }) as unknown as ActionSchema<Name, F>,
  }
}
