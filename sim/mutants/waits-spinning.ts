import { Effect } from "effect"
import { isJsonObject } from "#spec-impl/core/json/value.ts"
import { withIncoming } from "./incoming.ts"
import type { Mutant } from "./mutant.ts"

/** Asks again and again, without a pause. */
const forever = Effect.forever(Effect.yieldNow)

export const waitsSpinning: Mutant = {
  name: "waits-spinning",
  wrong: "a redaction that comes by itself is waited for at once and for ever, without a pause in between",
  killedBy: "comes-to-an-end",
  mutation: {
    services: withIncoming((receive) => (origin, transactionId, pdus, edus) => {
      const received = receive(origin, transactionId, pdus, edus)
      return pdus.some((pdu) => isJsonObject(pdu) && pdu.type === "m.room.redaction")
        ? Effect.andThen(received, forever)
        : received
    }),
  },
}
