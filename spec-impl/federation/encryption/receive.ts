/** Server-server API §End-to-End Encryption: the receiving half. */
import { Effect } from "effect"
import { storeFailed } from "../../homeserver/failures.ts"
import { chapter } from "../chapter.ts"
import { DeviceKeyQueries } from "./device-key-queries.ts"
import { OneTimeKeys } from "./one-time-keys.ts"

export const EncryptionReceive = chapter(
  "encryption",
  Effect.fnUntraced(function* (handlers) {
    const oneTimeKeys = yield* OneTimeKeys
    const queries = yield* DeviceKeyQueries
    return handlers
      .handle("claimKeys", ({ payload }) =>
        oneTimeKeys.claimLocal(payload.one_time_keys).pipe(
          Effect.map((claimed) => ({ one_time_keys: claimed })),
          Effect.catchTag("StoreFailure", ({ detail }) => Effect.fail(storeFailed(detail))),
        ),
      )
      .handle("queryKeys", ({ payload }) => Effect.sync(() => queries.answerFor(payload.device_keys)))
  }),
)
