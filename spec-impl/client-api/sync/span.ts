/** What one answer of a sync covers. */
import type { SyncFilter } from "./sync-filter.ts"

export interface Span {
  readonly userId: string
  readonly deviceId: string
  readonly filter: SyncFilter
  /** All events up to that position are known to the client; undefined where it knows nothing. */
  readonly since: number | undefined
  /** Up to that position all events are told. */
  readonly until: number
  /** All changes up to that number are known to the client; undefined where everything is told as it is now. */
  readonly changesSince: number | undefined
  /** Whose messages the user does not want to see. */
  readonly ignoredUsers: ReadonlySet<string>
  readonly fullState: boolean
  readonly useStateAfter: boolean
}
