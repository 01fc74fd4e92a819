/** What a resolution did, step by step, as data; nothing is noted unless somebody asks. */
import type { AuthOutcome } from "../auth-rules/authorise.ts"

/** An event as it stood in the reverse topological power ordering. */
export interface PowerOrdered {
  readonly eventId: string
  /** The sender's level by the events that it cites. */
  readonly level: number | bigint
  readonly originServerTs: number | bigint
}

/** An event as it stood in the mainline ordering. */
export interface MainlineOrdered {
  readonly eventId: string
  /** ∞ where no power levels of the mainline are behind it. */
  readonly position: number
  readonly originServerTs: number | bigint
}

/** One iterative auth check. */
export interface Checked {
  readonly eventId: string
  readonly key: readonly [type: string, stateKey: string]
  readonly outcome: AuthOutcome
  /** What the rules asked for, and where it was found. */
  readonly by: readonly { readonly eventId: string; readonly from: "state" | "auth_events" }[]
}

/** A resolution as it went; the arrays fill as it goes. Events are named by id. */
export class Explanation {
  readonly algorithm: string
  unconflictedCount = 0
  readonly conflicted: string[] = []
  readonly authDifference: string[] = []
  /** Of v2.1. */
  readonly conflictedSubgraph: string[] = []
  readonly powerOrder: PowerOrdered[] = []
  readonly mainline: string[] = []
  readonly mainlineOrder: MainlineOrdered[] = []
  /** In the order in which they were made; v1's as well. */
  readonly checks: Checked[] = []

  constructor(algorithm: string) {
    this.algorithm = algorithm
  }
}
