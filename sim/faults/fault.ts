/**
 * What a fault is: a plain JSON value, which says what it does, where and when, and a definition, which says how that
 * is done and undone. Its draws are keyed by its id and by what it strikes, never by what it struck before.
 */
import { type Effect, Schema, type Scope } from "effect"
import type { Kernel } from "../kernel/kernel.ts"
import type { KeyedChance } from "../kernel/keyed-chance.ts"
import type { Names } from "../network/names.ts"
import type { Network } from "../network/network.ts"
import type { VirtualServer } from "../world/world.ts"
import { optional, withDefault } from "./fields.ts"

/** Where faults are done. */
export interface FaultWorld {
  readonly kernel: Kernel
  readonly network: Network["Service"]
  /** The boot of each server that is up, or was up last. */
  readonly servers: ReadonlyMap<string, VirtualServer>
  /** By which servers are found, if they are. */
  readonly names?: Names | undefined
  /** Boots a server on what its disk holds, after a crash now if it is up, unless a fault keeps it down. */
  readonly restart: (server: string) => Effect.Effect<void>
  /** The id of the room that a plan calls so, once there is one; names are ids where it says nothing. */
  readonly roomIdOf?: (name: string) => string | undefined
}

/** What drawing a fault asks for: chance that is keyed by the entry of the plan that the fault is for. */
export type Draws = Pick<KeyedChance, "unit" | "integer" | "chance" | "pick">

export type FaultFamily = "network" | "servers" | "protocol" | "hostile"

/** What each fault has besides its name and its own fields. */
export const commonFields = {
  id: optional(
    Schema.String,
    "none",
    "names this entry of a plan: its draws are keyed by it, and a run can leave it out",
  ),
  lasting: withDefault(
    Schema.Boolean,
    false,
    "whether it outlives the story: else it is undone when that ends. Links are mended and servers booted even so",
  ),
}

type Fields = Schema.Struct.Fields
type FaultSchema<Name extends string, F extends Fields> = Schema.Struct<
  { readonly fault: Schema.Literal<Name> } & typeof commonFields & F
>

/** A fault of that definition, as it stands in a file: fields with a default may be left out. */
export type Written<D extends { readonly schema: Schema.Constraint }> = D["schema"]["Encoded"]

/** How one kind of fault is made, done, and undone. */
export interface FaultDefinition<Name extends string = string, F extends Fields = Fields> {
  readonly name: Name
  readonly family: FaultFamily
  /** What it stands for in life. */
  readonly standsFor: string
  readonly fields: F
  readonly schema: FaultSchema<Name, F>
  /** Whether all is as if it had never been, in the end, once it is undone. */
  readonly isRepairable: boolean
  /** Whether it works on bytes: what it does to typed calls is not the same to the byte (DESIGN.md, principle 11). */
  readonly onBytes: boolean
  /** Whether it wants servers that are found by names. */
  readonly wantsNames: boolean
  /** One for a random plan with those servers, of which there are two at least; undefined where it needs more. */
  readonly draw: (draws: Draws, servers: readonly string[]) => FaultSchema<Name, F>["Encoded"] | undefined
  /** Does it for as long as the scope lives. */
  readonly apply: (
    world: FaultWorld,
    fault: FaultSchema<Name, F>["Type"],
  ) => Effect.Effect<void, never, Scope.Scope>
}

/** Makes a definition of what there is to say of it. */
export const defineFault = <const Name extends string, F extends Fields>(
  said: Omit<FaultDefinition<Name, F>, "schema" | "isRepairable" | "onBytes" | "wantsNames"> &
    Partial<Pick<FaultDefinition, "isRepairable" | "onBytes" | "wantsNames">>,
): FaultDefinition<Name, F> => ({
  isRepairable: true,
  onBytes: false,
  wantsNames: false,
  ...said,
  schema: Schema.Struct({ fault: Schema.Literal(said.name), ...commonFields, ...said.fields }).annotate({
    identifier: `Fault ${said.name}`,
  }) as unknown as FaultSchema<Name, F>,
})

/** What its draws are keyed by, beside what it strikes: two faults of one kind with ids of their own draw apart. */
export const faultKey = (fault: { readonly fault: string; readonly id?: string }): readonly string[] => [
  "fault",
  fault.fault,
  fault.id ?? "",
]

/** A server of the world. Whoever names one that is not there has written a plan for another world. */
export const serverNamed = ({ servers }: FaultWorld, name: string): VirtualServer => {
  const server = servers.get(name)
  if (server === undefined) throw new Error(`a fault names ${name}, and there is no such server`)
  return server
}
