/** What a user may do for itself alone. */
import { Effect } from "effect"
import { forbidden, type MatrixError } from "../federation/matrix-error.ts"
import { Requester } from "./client-endpoint.ts"

/** 403 unless the user that a path names is who makes the request; gives its id. */
export const ownId = (userId: string): Effect.Effect<string, MatrixError, Requester> =>
  Effect.flatMap(Requester, (requester) =>
    requester.userId === userId
      ? Effect.succeed(userId)
      : Effect.fail(forbidden(`${userId} is not ${requester.userId}`)),
  )
