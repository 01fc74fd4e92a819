import { Effect } from "effect"
import { forbidden } from "../federation/matrix-error.ts"
import { Rooms } from "../homeserver/rooms.ts"
import { Requester } from "./client-endpoint.ts"

/**
 * A room that the requester wants to do something in: 403 for one that this server knows nothing of, in which none of
 * its users has a part. What the user may do there the room itself says.
 */
export const roomOfRequester = Effect.fnUntraced(function* (roomId: string) {
  const { userId } = yield* Requester
  const rooms = yield* Rooms
  return rooms.find(roomId) ?? (yield* forbidden(`${userId} is not in the room`))
})
