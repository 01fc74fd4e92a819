/** Server-server API §Joining Rooms, §Inviting to a room, §Leaving Rooms, §Knocking: the receiving half. */
import { Effect } from "effect"
import { storeFailed } from "../../homeserver/failures.ts"
import { makeJoin, receiveJoin } from "../../homeserver/hosting-joins.ts"
import { makeKnock, makeLeave, receiveKnock, receiveLeave } from "../../homeserver/hosting-memberships.ts"
import { inviteOfV1, receiveInvite } from "../../homeserver/invitations.ts"
import type { StoreFailure } from "../../store/event-store.ts"
import { Origin } from "../authentication.ts"
import { chapter } from "../chapter.ts"
import { ifLegacy } from "../legacy.ts"
import type { MatrixError } from "../matrix-error.ts"

/** Hands on who asks; a store that fails is this server's own fault. */
const asked = <A, R>(answer: (origin: string) => Effect.Effect<A, MatrixError | StoreFailure, R>) =>
  Effect.flatMap(Origin, answer).pipe(
    Effect.catchTag("StoreFailure", ({ detail }) => Effect.fail(storeFailed(detail))),
  )

const legacy = <A, E, R>(answer: Effect.Effect<A, E, R>) => ifLegacy(inPair(answer))

const inPair = <A, E, R>(answer: Effect.Effect<A, E, R>) =>
  Effect.map(answer, (body) => [200 as const, body] as const)

export const RoomsReceive = chapter("rooms", (handlers) =>
  handlers
    .handle("makeJoin", ({ params: { roomId, userId }, query }) =>
      asked((origin) => makeJoin(origin, roomId, userId, query.ver ?? ["1"])),
    )
    .handle("sendJoin", ({ params: { roomId, eventId }, query, payload }) =>
      asked((origin) => receiveJoin(origin, roomId, eventId, payload, query.omit_members ?? false)),
    )
    .handle("makeLeave", ({ params: { roomId, userId } }) =>
      asked((origin) => makeLeave(origin, roomId, userId)),
    )
    .handle("sendLeave", ({ params: { roomId, eventId }, payload }) =>
      asked((origin) => receiveLeave(origin, roomId, eventId, payload)),
    )
    .handle("makeKnock", ({ params: { roomId, userId }, query }) =>
      asked((origin) => makeKnock(origin, roomId, userId, query.ver)),
    )
    .handle("sendKnock", ({ params: { roomId, eventId }, payload }) =>
      asked((origin) => receiveKnock(origin, roomId, eventId, payload)),
    )
    .handle("invite", ({ params: { roomId, eventId }, payload }) =>
      asked((origin) =>
        receiveInvite(origin, roomId, eventId, {
          roomVersion: payload.room_version,
          event: payload.event,
          roomState: payload.invite_room_state,
        }),
      ),
    )
    .handle("inviteV1", ({ params: { roomId, eventId }, payload }) =>
      inPair(asked((origin) => receiveInvite(origin, roomId, eventId, inviteOfV1(payload)))),
    )
    .handle("sendJoinV1", ({ params: { roomId, eventId }, payload }) =>
      legacy(asked((origin) => receiveJoin(origin, roomId, eventId, payload, false))),
    )
    .handle("sendLeaveV1", ({ params: { roomId, eventId }, payload }) =>
      legacy(asked((origin) => receiveLeave(origin, roomId, eventId, payload))),
    ),
)
