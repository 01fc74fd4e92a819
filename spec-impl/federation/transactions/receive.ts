/** Server-server API §Transactions: the receiving half. */
import { Context, Effect } from "effect"
import { Incoming } from "../../homeserver/incoming.ts"
import { Origin } from "../authentication.ts"
import { chapter } from "../chapter.ts"

export const TransactionsReceive = chapter(
  "transactions",
  Effect.fnUntraced(function* (handlers) {
    const incoming = yield* Incoming
    return handlers.handle("send", ({ params, payload }) =>
      Effect.contextWith((services: Context.Context<Origin>) => {
        const origin = Context.get(services, Origin)
        return incoming.receiveTransaction(origin, params.transactionId, payload.pdus, payload.edus ?? [])
      }),
    )
  }),
)
