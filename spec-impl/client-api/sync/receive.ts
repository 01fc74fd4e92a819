/** Client-server API §Syncing and §Filtering: the receiving half. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { acted } from "../acted.ts"
import { ClientApi } from "../api.ts"
import { Requester } from "../client-endpoint.ts"
import { ownId } from "../own.ts"
import { Filters } from "./filters.ts"
import { Sync } from "./sync.ts"

export const SyncReceive = HttpApiBuilder.group(
  ClientApi,
  "sync",
  Effect.fnUntraced(function* (handlers) {
    const sync = yield* Sync
    const filters = yield* Filters
    return handlers
      .handle(
        "sync",
        Effect.fnUntraced(function* ({ query }) {
          const requester = yield* Requester
          const filter = yield* filters.read(requester.userId, query.filter)
          return yield* acted(
            sync.sync(requester, {
              filter,
              since: query.since,
              fullState: query.full_state ?? false,
              setPresence: query.set_presence ?? "online",
              timeoutMs: query.timeout ?? 0,
              useStateAfter: query.use_state_after ?? false,
            }),
          )
        }),
      )
      .handle(
        "addFilter",
        Effect.fnUntraced(function* ({ params: { userId }, payload }) {
          yield* ownId(userId)
          return { filter_id: yield* acted(filters.add(userId, payload)) }
        }),
      )
      .handle("filter", ({ params: { userId, filterId } }) =>
        Effect.flatMap(ownId(userId), () => filters.get(userId, filterId)),
      )
  }),
)
