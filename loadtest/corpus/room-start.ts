/** What a corpus goes on from: a room of the origin, as it was when the target had joined it. */
import type { JsonObject } from "#spec-impl/core/json/value.ts"

/** A room at that point, as data, since it goes to the threads that make the corpus. */
export interface RoomStart {
  readonly roomId: string
  readonly roomVersion: string
  /** All its events, in the order in which the origin took them in. */
  readonly events: readonly JsonObject[]
  /** Users of the origin who are joined, the creator first. */
  readonly users: readonly string[]
}
