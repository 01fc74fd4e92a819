/** What a store under test is kept on, for both layers. */
import { Effect, type Scope } from "effect"
import type { EventStore, EventWrite, StoreFailure } from "../event-store.ts"

export interface Disk {
  /** A store on what is kept there, until the scope closes. */
  readonly boot: Effect.Effect<EventStore["Service"], StoreFailure, Scope.Scope>
  /** What would be found if the machine stopped now. */
  readonly copy: () => Disk
}

/** What is done with a store on that disk, booted for it alone. */
export const onDisk = <A, E>(disk: Disk, use: (store: EventStore["Service"]) => Effect.Effect<A, E>) =>
  Effect.scoped(Effect.flatMap(disk.boot, use))

export const event = (eventId: string, more: Partial<EventWrite> = {}): EventWrite => ({
  roomId: "!r",
  eventId,
  pdu: { depth: 1 },
  verdict: "accepted",
  objection: undefined,
  restrictedJoinSigned: false,
  history: undefined,
  ...more,
})
