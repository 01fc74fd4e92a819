/** Server-server API §Transactions: the receiving half. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Incoming } from "../../homeserver/incoming.ts"
import { FederationApi } from "../api.ts"
import { Origin } from "../authentication.ts"

export const TransactionsReceive = HttpApiBuilder.group(
  FederationApi,
  "transactions",
  Effect.fnUntraced(function* (handlers) {
    const incoming = yield* Incoming
    return handlers.handle("send", ({ params, payload }) =>
      Effect.flatMap(Origin, (origin) =>
        incoming.receiveTransaction(origin, params.transactionId, payload.pdus, payload.edus ?? []),
      ),
    )
  }),
)
