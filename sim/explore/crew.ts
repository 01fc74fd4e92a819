/** What the parts of a random plan are drawn from. */
import type { Draws } from "../faults/fault.ts"
import type { KeyedChance, KeyPart } from "../kernel/keyed-chance.ts"
import type { Plan } from "./plan.ts"

export interface PlanWishes {
  /** The room versions that rooms may have; all where it says nothing. */
  readonly roomVersions?: readonly string[]
  readonly servers?: number
  /** About how many actions; 37 where it says nothing. */
  readonly actions?: number
  /** The faults that there are, each once or more; drawn where it says nothing. */
  readonly faults?: readonly string[]
  /** Of docs/mutants.md: one of the servers is that. */
  readonly mutant?: string
  /** Whether servers may sign what the rules forbid. */
  readonly hostile?: boolean
}

/** Chance for one purpose, which other purposes neither see nor change. */
export const drawsFor = (chance: KeyedChance, ...about: readonly KeyPart[]): Draws => ({
  unit: (...key) => chance.unit(...about, ...key),
  integer: (end, ...key) => chance.integer(end, ...about, ...key),
  chance: (probability, ...key) => chance.chance(probability, ...about, ...key),
  pick: (items, ...key) => chance.pick(items, ...about, ...key),
})

export type Options = NonNullable<Plan["options"]>

export interface Crew {
  readonly chance: KeyedChance
  readonly servers: Plan["servers"]
  readonly names: readonly string[]
  /** All users, and those who are there still. */
  readonly cast: readonly string[]
  readonly users: readonly string[]
  readonly rooms: readonly string[]
  readonly options: Options
  readonly faultsMs: number
}
