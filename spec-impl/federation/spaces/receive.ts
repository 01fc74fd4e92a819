/** Server-server API §Spaces: the receiving half. */
import { Effect } from "effect"
import { Origin } from "../authentication.ts"
import { chapter } from "../chapter.ts"
import { Spaces } from "./spaces.ts"

export const SpacesReceive = chapter(
  "spaces",
  Effect.fnUntraced(function* (handlers) {
    const spaces = yield* Spaces
    return handlers.handle("hierarchy", ({ params, query }) =>
      Effect.flatMap(Origin, (origin) =>
        spaces.levelFor(origin, params.roomId, query.suggested_only ?? false),
      ),
    )
  }),
)
