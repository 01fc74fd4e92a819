/** Server-server API §Transactions: the receiving half. */
import { Effect } from "effect"
import { Incoming } from "../../homeserver/incoming.ts"
import { Origin } from "../authentication.ts"
import { chapter } from "../chapter.ts"

export const TransactionsReceive = chapter(
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
