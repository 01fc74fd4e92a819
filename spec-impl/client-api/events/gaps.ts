/** Where this server's history of a room has gaps, and how they are filled (§Backfilling and retrieving missing events). */
import { Context, Effect, Fiber, Layer } from "effect"
import type { FederationClient } from "../../federation/client.ts"
import { backfillBefore } from "../../homeserver/backfill.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import type { KeyRing } from "../../homeserver/key-ring.ts"
import type { Outside } from "../../homeserver/outside.ts"
import { joinedServersByAge } from "../../homeserver/room-members.ts"
import type { Room, Rooms } from "../../homeserver/rooms.ts"
import type { Settings } from "../../homeserver/settings.ts"
import type { Signatures } from "../../homeserver/signatures/signatures.ts"
import type { TimelineEntry } from "../../homeserver/timeline.ts"

/** So many servers are asked for what came before an event. */
const serversAskedMax = 3

export class Gaps extends Context.Service<
  Gaps,
  {
    /**
     * Asks other servers for what came before those of `entries` whose parents are not held. Gives whether more of the
     * history may be held now. What a server could not tell is not asked for again until the next boot; what no server
     * answered is.
     */
    readonly fill: (room: Room, entries: readonly TimelineEntry[]) => Effect.Effect<boolean>
  }
>()("netsplit/client-api/Gaps") {
  static readonly layer = Layer.effect(
    Gaps,
    Effect.gen(function* () {
      const { serverName } = yield* ServerIdentity
      const services = yield* Effect.context<
        FederationClient | KeyRing | Outside | Rooms | ServerIdentity | Settings | Signatures
      >()
      const scope = yield* Effect.scope
      const told = new Set<string>()

      return Gaps.of({
        fill: Effect.fnUntraced(function* (room, entries) {
          const open = entries.flatMap(({ record: { event } }) =>
            !told.has(event.eventId) && room.dag.missingPrevEvents(event).length > 0 ? [event.eventId] : [],
          )
          if (open.length === 0) return false
          const others = joinedServersByAge(room.dag).filter((server) => server !== serverName)
          for (const server of others.slice(0, serversAskedMax)) {
            // Goes on where the client does not: what is begun to be taken in must not be left half done.
            const asking = yield* backfillBefore(room, server, open).pipe(
              Effect.provide(services),
              Effect.option,
              Effect.forkIn(scope),
            )
            const answer = yield* Fiber.join(asking)
            if (answer._tag === "None") continue
            for (const eventId of open) told.add(eventId)
            return true
          }
          return false
        }),
      })
    }),
  )
}
