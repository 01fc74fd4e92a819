import { withIncoming } from "./incoming.ts"
import type { Mutant } from "./mutant.ts"

export const edusPassedOver: Mutant = {
  name: "edus-passed-over",
  wrong: "of a transaction that has both PDUs and EDUs only the PDUs are taken in",
  killedBy: "messages-arrive",
  mutation: {
    services: withIncoming(
      (receive) => (origin, transactionId, pdus, edus) =>
        receive(origin, transactionId, pdus, pdus.length === 0 ? edus : []),
    ),
  },
}
