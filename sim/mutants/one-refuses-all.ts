import { isJsonObject } from "#spec-impl/core/json/value.ts"
import { forbidden } from "#spec-impl/federation/matrix-error.ts"
import { withIncoming } from "./incoming.ts"
import type { Mutant } from "./mutant.ts"

export const oneRefusesAll: Mutant = {
  name: "one-refuses-all",
  wrong:
    "a transaction is refused whole for one PDU that the server does not like, here a topic: it comes again for ever",
  real: "I27: synapse#18554, tuwunel#68",
  killedBy: "live",
  mutation: {
    services: withIncoming(
      (receive) => (origin, transactionId, pdus, edus) =>
        pdus.some((pdu) => isJsonObject(pdu) && pdu.type === "m.room.topic")
          ? forbidden("there is something wrong with a topic")
          : receive(origin, transactionId, pdus, edus),
    ),
  },
}
