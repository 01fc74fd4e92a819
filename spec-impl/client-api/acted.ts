import { Effect } from "effect"
import type { FederationUnreachable } from "../federation/client.ts"
import type { MatrixError } from "../federation/matrix-error.ts"
import { badAnswer, storeFailed } from "../homeserver/failures.ts"
import type { StoreFailure } from "../store/event-store.ts"

/**
 * What a user did, as its client is answered: a store that fails is this server's fault (500), another server that is
 * not reached is a gateway's (502).
 */
export const acted = <A, R>(
  action: Effect.Effect<A, MatrixError | FederationUnreachable | StoreFailure, R>,
): Effect.Effect<A, MatrixError, R> =>
  Effect.catchTags(action, {
    StoreFailure: ({ detail }) => Effect.fail(storeFailed(detail)),
    FederationUnreachable: (error) => Effect.fail(badAnswer(error.message)),
  })
