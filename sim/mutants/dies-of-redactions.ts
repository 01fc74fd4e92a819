import { Effect } from "effect"
import { isJsonObject } from "#spec-impl/core/json/value.ts"
import { withIncoming } from "./incoming.ts"
import type { Mutant } from "./mutant.ts"

export const diesOfRedactions: Mutant = {
  name: "dies-of-redactions",
  wrong: "the handler of transactions dies of a redaction",
  killedBy: "handlers",
  mutation: {
    services: withIncoming(
      (receive) => (origin, transactionId, pdus, edus) =>
        pdus.some((pdu) => isJsonObject(pdu) && pdu.type === "m.room.redaction")
          ? Effect.die(new Error("cannot read properties of undefined"))
          : receive(origin, transactionId, pdus, edus),
    ),
  },
}
