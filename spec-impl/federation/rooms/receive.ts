/** Server-server API §Joining Rooms: the receiving half. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { storeFailed } from "../../homeserver/failures.ts"
import { makeJoin, receiveJoin } from "../../homeserver/hosting-joins.ts"
import { FederationApi } from "../api.ts"
import { Origin } from "../authentication.ts"

export const RoomsReceive = HttpApiBuilder.group(FederationApi, "rooms", (handlers) =>
  handlers
    .handle("makeJoin", ({ params: { roomId, userId }, query }) =>
      Effect.flatMap(Origin, (origin) => makeJoin(origin, roomId, userId, query.ver ?? ["1"])),
    )
    .handle("sendJoin", ({ params: { roomId, eventId }, payload }) =>
      Effect.flatMap(Origin, (origin) => receiveJoin(origin, roomId, eventId, payload)).pipe(
        Effect.catchTag("StoreFailure", ({ detail }) => Effect.fail(storeFailed(detail))),
      ),
    ),
)
