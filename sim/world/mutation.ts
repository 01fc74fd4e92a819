/** How one virtual server differs from what spec-impl makes: the places at which it can be made otherwise. */
import type { Context } from "effect"
import type { HomeserverServices } from "#spec-impl/homeserver/homeserver.ts"
import type { HomeserverSettings } from "#spec-impl/homeserver/settings.ts"
import type { Signatures } from "#spec-impl/homeserver/signatures/signatures.ts"
import type { EventStore } from "#spec-impl/store/event-store.ts"

/** Each part is made anew at each boot: what it remembers is gone with that. */
export interface Mutation {
  readonly settings?: (settings: HomeserverSettings) => Partial<HomeserverSettings>
  readonly signatures?: (signatures: Signatures["Service"]) => Signatures["Service"]
  readonly store?: (store: EventStore["Service"]) => EventStore["Service"]
  /**
   * Those that are otherwise, of all that there are: by which clients and other servers are answered. What services do
   * for each other is as it was.
   */
  readonly services?: (services: Context.Context<HomeserverServices>) => Context.Context<never>
}
