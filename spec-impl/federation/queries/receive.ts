/** Server-server API §Querying for information: the receiving half. */
import { Effect } from "effect"
import { chapter } from "../chapter.ts"
import { unrecognised } from "../matrix-error.ts"
import { Aliases } from "./aliases.ts"
import { Profiles } from "./profiles.ts"

export const QueriesReceive = chapter(
  "queries",
  Effect.fnUntraced(function* (handlers) {
    const aliases = yield* Aliases
    const profiles = yield* Profiles
    return handlers
      .handle("directory", ({ query }) => aliases.resolveLocal(query.room_alias))
      .handle("profile", ({ query }) => profiles.ofLocal(query.user_id, query.field))
      .handle("query", ({ params }) => Effect.fail(unrecognised(`there is no query ${params.queryType}`)))
  }),
)
