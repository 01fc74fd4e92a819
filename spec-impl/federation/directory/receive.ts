/** Server-server API §Published room directory: the receiving half. */
import { Effect } from "effect"
import { chapter } from "../chapter.ts"
import { PublishedRooms } from "./published-rooms.ts"

export const DirectoryReceive = chapter(
  "directory",
  Effect.fnUntraced(function* (handlers) {
    const published = yield* PublishedRooms
    return handlers
      .handle("publicRooms", ({ query }) => published.page(query))
      .handle("searchPublicRooms", ({ payload }) => published.page(payload))
  }),
)
