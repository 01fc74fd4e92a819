/** Server-server API §Third-party invites: the receiving half. */
import { Effect } from "effect"
import { Origin } from "../authentication.ts"
import { chapter } from "../chapter.ts"
import { ThirdPartyInvites } from "./third-party-invites.ts"

export const ThirdPartyInvitesReceive = chapter(
  "thirdPartyInvites",
  Effect.fnUntraced(function* (handlers) {
    const invites = yield* ThirdPartyInvites
    return handlers
      .handle("exchange", ({ params: { roomId }, payload }) =>
        Effect.flatMap(Origin, (origin) => Effect.as(invites.exchange(origin, roomId, payload), {})),
      )
      .handle("onBind", ({ payload }) => Effect.as(invites.bound(payload), {}))
  }),
)
