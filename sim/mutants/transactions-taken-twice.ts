import { Effect } from "effect"
import type { Mutant } from "./mutant.ts"

export const transactionsTakenTwice: Mutant = {
  name: "transactions-taken-twice",
  wrong: "a transaction that comes again is taken in again: answers are not remembered",
  killedBy: "once-only",
  mutation: {
    store: (store) => ({
      ...store,
      answered: () => Effect.succeed([]),
      answer: () => Effect.succeed(undefined),
    }),
  },
}
