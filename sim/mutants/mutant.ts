/** A mutant: a homeserver as spec-impl makes it, with one fault. */
import { withoutRules } from "#spec-impl/core/auth-rules/rules-of-version.ts"
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import type { Mutation } from "../world/mutation.ts"

export interface Mutant {
  readonly name: string
  /** What is wrong with it. */
  readonly wrong: string
  /** The real server that had this fault, and where that can be read. */
  readonly real?: string
  /** The check, or the verdict, that trips. */
  readonly killedBy: string
  /** Random plans in which that can be; any where it says nothing. */
  readonly wishes?: { readonly roomVersions?: readonly string[]; readonly hostile?: boolean }
  /** Where its plan was made by hand, and not found by seeking: why. */
  readonly byHand?: string
  readonly mutation: Mutation
}

/** A server whose room graphs are of that kind. */
export const withDag = (roomDag: typeof RoomDag): Mutation => ({ settings: () => ({ roomDag }) })

/** A server that does not know the rule, in whatever version there is one that says so. */
export const withoutRule = (says: string): Mutation => ({
  settings: ({ roomVersions }) => ({
    roomVersions: roomVersions.map((version) => withoutRules(version, (rule) => rule.says === says)),
  }),
})
