/** Server-server API §Published room directory: the receiving half. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { FederationApi } from "../api.ts"
import { PublishedRooms } from "./published-rooms.ts"

export const DirectoryReceive = HttpApiBuilder.group(
  FederationApi,
  "directory",
  Effect.fnUntraced(function* (handlers) {
    const published = yield* PublishedRooms
    return handlers
      .handle("publicRooms", ({ query }) => published.page(query))
      .handle("searchPublicRooms", ({ payload }) => published.page(payload))
  }),
)
