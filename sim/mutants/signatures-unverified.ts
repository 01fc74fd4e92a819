import { Effect } from "effect"
import type { Mutant } from "./mutant.ts"

export const signaturesUnverified: Mutant = {
  name: "signatures-unverified",
  wrong: "any signature by a key that is known is taken for good",
  killedBy: "event-graph",
  wishes: { hostile: true },
  mutation: {
    signatures: (signatures) => ({
      ...signatures,
      verify: () => true,
      begin: () => {
        const verdicts: boolean[] = []
        return {
          add: (checks) => void verdicts.push(...checks.map(() => true)),
          verdicts: Effect.succeed(verdicts),
        }
      },
    }),
  },
}
